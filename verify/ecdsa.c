// SPDX-License-Identifier: Apache-2.0
// Keys and signatures on P-256.
#include <errno.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "auto.h"
#include "ecdsa.h"

/* ECDSA-Sig-Value in DER is at most 2 + 2 × (2 + 33) bytes for P-256. */
#define DER_MAX 72

int clv_ec_key(const uint8_t xy[CL_CORE_KEY_SIZE], EVP_PKEY **key)
{
	AUTO(clv_free_pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	uint8_t point[1 + CL_CORE_KEY_SIZE] = {POINT_CONVERSION_UNCOMPRESSED};
	char group[] = "prime256v1";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
		OSSL_PARAM_construct_end(),
	};

	memcpy(point + 1, xy, CL_CORE_KEY_SIZE);
	if (!ctx)
		return -ENOMEM;
	if (EVP_PKEY_fromdata_init(ctx) != 1)
		return -EIO;
	/*
	 * OpenSSL takes no coordinates that are not on the curve. P-256 has cofactor 1, so every
	 * point on it is of the right order (SEC 1, section 3.2.2.1).
	 */
	return EVP_PKEY_fromdata(ctx, key, EVP_PKEY_PUBLIC_KEY, params) == 1;
}

/* r ‖ s → DER; the size, or a negative errno. */
static int to_der(const uint8_t raw[CLV_SIG_SIZE], uint8_t der[DER_MAX])
{
	AUTO(clv_free_sig) ECDSA_SIG *sig = ECDSA_SIG_new();
	AUTO(clv_free_bn) BIGNUM *r = BN_bin2bn(raw, CLV_SIG_SIZE / 2, NULL);
	AUTO(clv_free_bn) BIGNUM *s = BN_bin2bn(raw + CLV_SIG_SIZE / 2, CLV_SIG_SIZE / 2, NULL);
	int size;

	if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1)
		return -ENOMEM;
	r = s = NULL; /* sig owns them now */
	size = i2d_ECDSA_SIG(sig, NULL);
	if (size <= 0 || size > DER_MAX)
		return -EIO;
	return i2d_ECDSA_SIG(sig, &der);
}

int clv_ecdsa(EVP_PKEY *key, const uint8_t digest[CL_HASH_SIZE], const uint8_t raw[CLV_SIG_SIZE])
{
	AUTO(clv_free_pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	uint8_t der[DER_MAX];
	int size = to_der(raw, der);

	if (!ctx)
		return -ENOMEM;
	if (size < 0)
		return size;
	if (EVP_PKEY_verify_init(ctx) != 1)
		return -EIO;
	/* 0 is a wrong signature; less than 0 is one with r or s out of range, no better. */
	return EVP_PKEY_verify(ctx, der, (size_t)size, digest, CL_HASH_SIZE) == 1;
}
