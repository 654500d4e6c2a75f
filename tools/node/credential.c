// SPDX-License-Identifier: Apache-2.0
// MakeCredential with OpenSSL. Everything is SHA-256 and AES-128-CFB, as both EK templates say.
#include "credential.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#define SEED_SIZE 32u // of the EK's name algorithm

int kdfa(const uint8_t *key, size_t key_size, const char *label, const uint8_t *context,
	 size_t context_size, uint32_t bits, uint8_t *out)
{
	uint8_t text[160] = {0, 0, 0, 1}, digest[32];
	size_t at = 4, length = strlen(label) + 1; // with its NUL

	if (bits % 8 || bits > 256 || length + context_size + 8 > sizeof(text))
		return -EIO;
	memcpy(text + at, label, length);
	at += length;
	if (context_size)
		memcpy(text + at, context, context_size);
	at += context_size;
	text[at++] = 0;
	text[at++] = 0;
	text[at++] = (uint8_t)(bits >> 8);
	text[at++] = (uint8_t)bits;
	if (!HMAC(EVP_sha256(), key, (int)key_size, text, at, digest, NULL))
		return -EIO;
	memcpy(out, digest, bits / 8);
	OPENSSL_cleanse(digest, sizeof(digest));
	return 0;
}

int kdfe(const uint8_t *z, const char *label, const uint8_t *u, const uint8_t *v, uint8_t out[32])
{
	uint8_t text[160] = {0, 0, 0, 1};
	size_t length = strlen(label) + 1, size = 4 + 32 + length + 64;

	if (size > sizeof(text))
		return -EIO;
	memcpy(text + 4, z, 32);
	memcpy(text + 36, label, length);
	memcpy(text + 36 + length, u, 32);
	memcpy(text + 68 + length, v, 32);
	int rc = EVP_Digest(text, size, out, NULL, EVP_sha256(), NULL) ? 0 : -EIO;
	OPENSSL_cleanse(text, sizeof(text));
	return rc;
}

// RSA-OAEP (part 1, B.10.4): the label ends in a NUL that belongs to it.
static int share_rsa(EVP_PKEY *ek, uint8_t seed[SEED_SIZE], struct credential *out)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(ek, NULL);
	void *label = OPENSSL_memdup("IDENTITY", sizeof("IDENTITY"));
	size_t size = SEED_MAX;
	bool good = context && label && RAND_bytes(seed, SEED_SIZE) == 1 &&
		    EVP_PKEY_encrypt_init(context) == 1 &&
		    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1 &&
		    EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1;

	if (good && EVP_PKEY_CTX_set0_rsa_oaep_label(context, label, sizeof("IDENTITY")) == 1)
		label = NULL; // the context's now
	else
		good = false;
	good = good && EVP_PKEY_encrypt(context, out->seed, &size, seed, SEED_SIZE) == 1;
	out->seed_size = size;
	OPENSSL_free(label);
	EVP_PKEY_CTX_free(context);
	return good ? 0 : -EIO;
}

static bool point_of(EVP_PKEY *key, uint8_t point[65])
{
	size_t size = 0;

	return EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, 65,
					       &size) == 1 &&
	       size == 65 && point[0] == 4;
}

// One-pass ECDH with a key of the moment (part 1, C.6.4).
static int share_ecc(EVP_PKEY *ek, uint8_t seed[SEED_SIZE], struct credential *out)
{
	EVP_PKEY *own = EVP_EC_gen("P-256");
	EVP_PKEY_CTX *context = own ? EVP_PKEY_CTX_new(own, NULL) : NULL;
	uint8_t z[32], ours[65], theirs[65];
	size_t size = sizeof(z);
	int rc = -EIO;

	if (context && point_of(own, ours) && point_of(ek, theirs) &&
	    EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, ek) == 1 &&
	    EVP_PKEY_derive(context, z, &size) == 1 && size == sizeof(z))
		rc = kdfe(z, "IDENTITY", ours + 1, theirs + 1, seed);
	if (!rc) {
		// TPMS_ECC_POINT
		memset(out->seed, 0, sizeof(out->seed));
		out->seed[1] = out->seed[35] = 32;
		memcpy(out->seed + 2, ours + 1, 32);
		memcpy(out->seed + 36, ours + 33, 32);
		out->seed_size = 68;
	}
	OPENSSL_cleanse(z, sizeof(z));
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(own);
	return rc;
}

static int aes_cfb(const uint8_t key[16], const uint8_t *in, uint8_t *out, int size)
{
	static const uint8_t iv[16];
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int done = 0;
	bool good = context &&
		    EVP_EncryptInit_ex(context, EVP_aes_128_cfb128(), NULL, key, iv) == 1 &&
		    EVP_EncryptUpdate(context, out, &done, in, size) == 1 && done == size;

	EVP_CIPHER_CTX_free(context);
	return good ? 0 : -EIO;
}

// encIdentity = CFB(TPM2B_DIGEST), then the HMAC over it and the name (part 1, 24.4 and 24.5).
static int wrap(const uint8_t seed[SEED_SIZE], const uint8_t name[TPM_NAME_SIZE],
		const uint8_t secret[SECRET_SIZE], uint8_t blob[CREDENTIAL_SIZE])
{
	uint8_t key[32], plain[2 + SECRET_SIZE] = {0, SECRET_SIZE},
				   text[sizeof(plain) + TPM_NAME_SIZE];
	unsigned int size = 0;
	int rc;

	memcpy(plain + 2, secret, SECRET_SIZE);
	blob[0] = 0;
	blob[1] = 32;
	rc = kdfa(seed, SEED_SIZE, "STORAGE", name, TPM_NAME_SIZE, 128, key);
	if (!rc)
		rc = aes_cfb(key, plain, blob + 34, sizeof(plain));
	if (!rc)
		rc = kdfa(seed, SEED_SIZE, "INTEGRITY", NULL, 0, 256, key);
	memcpy(text, blob + 34, sizeof(plain));
	memcpy(text + sizeof(plain), name, TPM_NAME_SIZE);
	if (!rc && !HMAC(EVP_sha256(), key, sizeof(key), text, sizeof(text), blob + 2, &size))
		rc = -EIO;
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(plain, sizeof(plain));
	return rc;
}

int make_credential(const struct public_key *ek, const uint8_t name[TPM_NAME_SIZE],
		    const uint8_t secret[SECRET_SIZE], struct credential *out)
{
	EVP_PKEY *key = public_pkey(ek);
	uint8_t seed[SEED_SIZE];
	int rc = -EIO;

	memset(out, 0, sizeof(*out));
	if (key)
		rc = ek->kind == PUBLIC_EK_RSA ? share_rsa(key, seed, out)
					       : share_ecc(key, seed, out);
	if (!rc)
		rc = wrap(seed, name, secret, out->blob);
	OPENSSL_cleanse(seed, sizeof(seed));
	EVP_PKEY_free(key);
	return rc;
}
