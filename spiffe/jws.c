// SPDX-License-Identifier: Apache-2.0
// JWS signatures, by OpenSSL.
#include "jws.h"
#include <errno.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include "../verify/auto.h"
#include "key.h"

#define DER_MAX 144 // ECDSA-Sig-Value of P-521: 3 + 2 × (2 + 67)

struct spiffe_alg {
	const char *name;
	const char *digest; // OpenSSL's name
	enum spiffe_key_kind key;
	size_t half;  // ECDSA: bytes of r, and of s
	bool padding; // RSA: PSS
};

static const struct spiffe_alg algs[] = {
	{"ES256", "SHA256", SPIFFE_KEY_P256, 32, false},
	{"ES384", "SHA384", SPIFFE_KEY_P384, 48, false},
	{"ES512", "SHA512", SPIFFE_KEY_P521, 66, false},
	{"RS256", "SHA256", SPIFFE_KEY_RSA, 0, false},
	{"RS384", "SHA384", SPIFFE_KEY_RSA, 0, false},
	{"RS512", "SHA512", SPIFFE_KEY_RSA, 0, false},
	{"PS256", "SHA256", SPIFFE_KEY_RSA, 0, true},
	{"PS384", "SHA384", SPIFFE_KEY_RSA, 0, true},
	{"PS512", "SHA512", SPIFFE_KEY_RSA, 0, true},
};

const struct spiffe_alg *spiffe_alg_find(const char *name)
{
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (!strcmp(algs[i].name, name))
			return &algs[i];
	return NULL;
}

bool spiffe_alg_fits(const struct spiffe_alg *alg, const EVP_PKEY *key)
{
	return spiffe_key_kind(key) == alg->key;
}

// r ‖ s, each of its curve's size exactly (RFC 7518, section 3.4) → DER. The size, 0 if it is not.
static size_t to_der(const uint8_t *raw, size_t size, size_t half, uint8_t der[DER_MAX])
{
	AUTO(clv_free_sig) ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = NULL, *s = NULL;
	int made;

	if (size != 2 * half)
		return 0;
	r = BN_bin2bn(raw, (int)half, NULL);
	s = BN_bin2bn(raw + half, (int)half, NULL);
	if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return 0;
	}
	made = i2d_ECDSA_SIG(sig, NULL);
	if (made <= 0 || made > DER_MAX)
		return 0;
	return (size_t)i2d_ECDSA_SIG(sig, &der);
}

static bool verify(const struct spiffe_alg *alg, EVP_PKEY *key, const char *text, size_t size,
		   const uint8_t *sig, size_t sig_size)
{
	AUTO(clv_free_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx; // ctx's
	uint8_t der[DER_MAX];

	if (!ctx || EVP_DigestVerifyInit_ex(ctx, &key_ctx, alg->digest, NULL, NULL, key, NULL) != 1)
		return false;
	// Salts are as long as the digest (RFC 7518, section 3.5).
	if (alg->padding &&
	    (EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) <= 0 ||
	     EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_DIGEST) <= 0))
		return false;
	if (alg->half) {
		sig_size = to_der(sig, sig_size, alg->half, der);
		if (!sig_size)
			return false;
		sig = der;
	}
	return EVP_DigestVerify(ctx, sig, sig_size, (const uint8_t *)text, size) == 1;
}

bool spiffe_jws_verify(const struct spiffe_alg *alg, EVP_PKEY *key, const char *text, size_t size,
		       const uint8_t *sig, size_t sig_size)
{
	bool good;

	ERR_set_mark();
	good = verify(alg, key, text, size, sig, sig_size);
	ERR_pop_to_mark();
	return good;
}

static int sign(EVP_PKEY *key, const char *text, size_t size, uint8_t raw[SPIFFE_ES256_SIZE])
{
	AUTO(clv_free_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	AUTO(clv_free_sig) ECDSA_SIG *sig = NULL;
	uint8_t der[DER_MAX];
	const uint8_t *at = der;
	size_t der_size = sizeof(der);

	if (!ctx || EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) != 1 ||
	    EVP_DigestSign(ctx, der, &der_size, (const uint8_t *)text, size) != 1)
		return -EIO;
	sig = d2i_ECDSA_SIG(NULL, &at, (long)der_size);
	return sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) == 32 &&
			       BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) == 32
		       ? 0
		       : -EIO;
}

int spiffe_es256_sign(EVP_PKEY *key, const char *text, size_t size, uint8_t sig[SPIFFE_ES256_SIZE])
{
	int rc = -EIO;

	ERR_set_mark();
	if (spiffe_key_kind(key) == SPIFFE_KEY_P256)
		rc = sign(key, text, size, sig);
	ERR_pop_to_mark();
	return rc;
}
