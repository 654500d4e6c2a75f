// SPDX-License-Identifier: Apache-2.0
// Public areas by template: TPM 2.0 Library part 2, and the TCG EK Credential Profile 2.5, B.3.
#include "public.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

// Policy A, SHA-256: PolicySecret(TPM_RH_ENDORSEMENT).
#define EK_POLICY                                                                                  \
	0x00, 0x20, 0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46,  \
		0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1,      \
		0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa
#define ALG_RSA	     0x00, 0x01
#define ALG_ECC	     0x00, 0x23
#define ALG_SHA256   0x00, 0x0b
#define ALG_NULL     0x00, 0x10
#define AES_128_CFB  0x00, 0x06, 0x00, 0x80, 0x00, 0x43
#define ECDSA_SHA256 0x00, 0x18, ALG_SHA256
#define NIST_P256    0x00, 0x03
// fixedTPM fixedParent sensitiveDataOrigin adminWithPolicy restricted decrypt
#define EK_ATTRIBUTES 0x00, 0x03, 0x00, 0xb2
// fixedTPM fixedParent sensitiveDataOrigin userWithAuth noDA restricted sign
#define AK_ATTRIBUTES 0x00, 0x05, 0x04, 0x72

static const uint8_t ek_ecc[] = {ALG_ECC,     ALG_SHA256, EK_ATTRIBUTES, EK_POLICY,
				 AES_128_CFB, ALG_NULL,	  NIST_P256,	 ALG_NULL};
// 2048 bits, the exponent that is meant by 0: 65537.
static const uint8_t ek_rsa[] = {ALG_RSA,  ALG_SHA256, EK_ATTRIBUTES, EK_POLICY, AES_128_CFB,
				 ALG_NULL, 0x08,       0x00,	      0,	 0,
				 0,	   0};
static const uint8_t ak[] = {ALG_ECC,  ALG_SHA256,   AK_ATTRIBUTES, 0x00,    0x00,
			     ALG_NULL, ECDSA_SHA256, NIST_P256,	    ALG_NULL};

static const struct {
	const uint8_t *fixed;
	size_t size;
	size_t unique; // bytes of zeros in each part of the template's unique field
	size_t parts;
	size_t key; // bytes of each part in a key
} kinds[] = {
	[PUBLIC_EK_ECC] = {ek_ecc, sizeof(ek_ecc), 32, 2, 32},
	[PUBLIC_EK_RSA] = {ek_rsa, sizeof(ek_rsa), 256, 1, 256},
	[PUBLIC_AK] = {ak, sizeof(ak), 0, 2, 32},
};

int public_template(enum public_kind kind, uint8_t *out, size_t max)
{
	size_t part = 2 + kinds[kind].unique, size = kinds[kind].size + kinds[kind].parts * part;

	if (size > max)
		return -ENOSPC;
	memset(out, 0, size);
	memcpy(out, kinds[kind].fixed, kinds[kind].size);
	for (size_t i = 0; i < kinds[kind].parts; i++) {
		out[kinds[kind].size + i * part] = (uint8_t)(kinds[kind].unique >> 8);
		out[kinds[kind].size + i * part + 1] = (uint8_t)kinds[kind].unique;
	}
	return (int)size;
}

int public_parse(struct public_key *key, enum public_kind kind, const uint8_t *data, size_t size,
		 const char **why)
{
	size_t fixed = kinds[kind].size, part = kinds[kind].key;
	const uint8_t *at = data + fixed;

	memset(key, 0, sizeof(*key));
	if (size < 4 || memcmp(data, kinds[kind].fixed, 4) != 0) {
		*why = "another type of key or another name algorithm";
		return -EINVAL;
	}
	if (size < 8 || memcmp(data + 4, kinds[kind].fixed + 4, 4) != 0) {
		*why = kind == PUBLIC_AK ? "its attributes are not those of a restricted signing "
					   "key that never leaves its TPM"
					 : "its attributes are not those of an endorsement key";
		return -EINVAL;
	}
	if (size < fixed || memcmp(data, kinds[kind].fixed, fixed) != 0) {
		*why = "its policy, scheme or parameters are not those of the template";
		return -EINVAL;
	}
	// The same key has one encoding, so both parts have their full size.
	if (size != fixed + kinds[kind].parts * (2 + part)) {
		*why = "it is of a wrong size";
		return -EINVAL;
	}
	for (size_t i = 0; i < kinds[kind].parts; i++, at += 2 + part) {
		if ((size_t)(at[0] << 8 | at[1]) != part) {
			*why = "a part of the key is of a wrong size";
			return -EINVAL;
		}
		memcpy(i ? key->y : key->x, at + 2, part);
	}
	key->kind = kind;
	key->size = part;
	key->name[0] = data[2];
	key->name[1] = data[3];
	if (!EVP_Digest(data, size, key->name + 2, NULL, EVP_sha256(), NULL)) {
		*why = "OpenSSL cannot hash it";
		return -EINVAL;
	}
	return 0;
}

static bool push_ecc(OSSL_PARAM_BLD *build, const struct public_key *key, uint8_t point[65])
{
	point[0] = 4;
	memcpy(point + 1, key->x, 32);
	memcpy(point + 33, key->y, 32);
	return OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) &&
	       OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 65);
}

static bool push_rsa(OSSL_PARAM_BLD *build, const BIGNUM *n, const BIGNUM *e)
{
	return n && e && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
	       OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
}

EVP_PKEY *public_pkey(const struct public_key *key)
{
	bool rsa = key->kind == PUBLIC_EK_RSA;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, rsa ? "RSA" : "EC", NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_bin2bn(key->x, (int)key->size, NULL), *e = BN_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *pkey = NULL;
	uint8_t point[65];

	if (context && build && n && e && BN_set_word(e, 65537) &&
	    (rsa ? push_rsa(build, n, e) : push_ecc(build, key, point)))
		params = OSSL_PARAM_BLD_to_param(build);
	if (params && EVP_PKEY_fromdata_init(context) == 1 &&
	    EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	OSSL_PARAM_free(params);
	BN_free(n);
	BN_free(e);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(context);
	return pkey;
}

int spki_hash(EVP_PKEY *key, uint8_t hash[SPKI_HASH_SIZE])
{
	unsigned char *der = NULL;
	int size = i2d_PUBKEY(key, &der);
	int rc = size > 0 && EVP_Digest(der, (size_t)size, hash, NULL, EVP_sha256(), NULL) ? 0
											   : -EIO;
	OPENSSL_free(der);
	return rc;
}
