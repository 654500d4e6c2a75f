// SPDX-License-Identifier: Apache-2.0
// Check an ES256 signature over a COSE Sig_structure.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "cbor_in.h"
#include "es256.h"

static void free_pkey(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}

static void free_pkey_ctx(EVP_PKEY_CTX **p)
{
	EVP_PKEY_CTX_free(*p);
}

static void free_md_ctx(EVP_MD_CTX **p)
{
	EVP_MD_CTX_free(*p);
}

static void free_sig(ECDSA_SIG **p)
{
	ECDSA_SIG_free(*p);
}

static void free_bn(BIGNUM **p)
{
	BN_free(*p);
}

#define AUTO(function) __attribute__((cleanup(function)))

/* ECDSA-Sig-Value in DER is at most 2 + 2 × (2 + 33) bytes for P-256. */
#define DER_MAX 72

/* 1 with a key, 0 if these are no coordinates of a point on P-256, or a negative errno. */
static int make_key(const uint8_t xy[CL_CORE_KEY_SIZE], EVP_PKEY **key)
{
	AUTO(free_pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	AUTO(free_pkey_ctx) EVP_PKEY_CTX *check = NULL;
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
	if (EVP_PKEY_fromdata(ctx, key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return 0;
	check = EVP_PKEY_CTX_new_from_pkey(NULL, *key, NULL);
	if (!check)
		return -ENOMEM;
	return EVP_PKEY_public_check(check) == 1;
}

/* r ‖ s → DER; the size, or a negative errno. */
static int to_der(const uint8_t raw[CLV_SIG_SIZE], uint8_t der[DER_MAX])
{
	AUTO(free_sig) ECDSA_SIG *sig = ECDSA_SIG_new();
	AUTO(free_bn) BIGNUM *r = BN_bin2bn(raw, CLV_SIG_SIZE / 2, NULL);
	AUTO(free_bn) BIGNUM *s = BN_bin2bn(raw + CLV_SIG_SIZE / 2, CLV_SIG_SIZE / 2, NULL);
	int size;

	if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1)
		return -ENOMEM;
	r = s = NULL; /* sig owns them now */
	size = i2d_ECDSA_SIG(sig, NULL);
	if (size <= 0 || size > DER_MAX)
		return -EIO;
	return i2d_ECDSA_SIG(sig, &der);
}

static bool add_bytes(EVP_MD_CTX *ctx, const uint8_t *data, size_t size)
{
	uint8_t head[3];
	size_t n = 0;

	/* Sizes are at most CL_REPORT_MAX. */
	if (size < 24) {
		head[n++] = (uint8_t)(CLV_BYTES << 5 | size);
	} else if (size < 256) {
		head[n++] = CLV_BYTES << 5 | 24;
		head[n++] = (uint8_t)size;
	} else {
		head[n++] = CLV_BYTES << 5 | 25;
		head[n++] = (uint8_t)(size >> 8);
		head[n++] = (uint8_t)size;
	}
	return EVP_DigestVerifyUpdate(ctx, head, n) == 1 &&
	       EVP_DigestVerifyUpdate(ctx, data, size) == 1;
}

/* RFC 9052, section 4.4: [ "Signature1", protected, external_aad, payload ]. */
static bool add_sig_structure(EVP_MD_CTX *ctx, const struct clv_parsed *p)
{
	static const char prefix[] = "\x84\x6aSignature1";

	return EVP_DigestVerifyUpdate(ctx, prefix, sizeof(prefix) - 1) == 1 &&
	       add_bytes(ctx, p->protected, p->protected_size) && add_bytes(ctx, p->payload, 0) &&
	       add_bytes(ctx, p->payload, p->payload_size);
}

static int check(const struct clv_parsed *parsed, char reason[CL_REASON_SIZE])
{
	AUTO(free_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	AUTO(free_pkey) EVP_PKEY *key = NULL;
	uint8_t der[DER_MAX];
	int rc, size;

	if (!ctx)
		return -ENOMEM;
	rc = make_key(parsed->claims.core_key, &key);
	if (rc < 0)
		return rc;
	if (rc == 0) {
		snprintf(reason, CL_REASON_SIZE, "the Core's key is no point on P-256");
		return 0;
	}
	size = to_der(parsed->signature, der);
	if (size < 0)
		return size;
	if (EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) != 1 ||
	    !add_sig_structure(ctx, parsed))
		return -EIO;
	/* 0 is a wrong signature; less than 0 is one with r or s out of range, no better. */
	if (EVP_DigestVerifyFinal(ctx, der, (size_t)size) != 1) {
		snprintf(reason, CL_REASON_SIZE,
			 "the signature does not match: the report was changed or another key "
			 "signed it");
		return 0;
	}
	return 1;
}

int clv_es256(const struct clv_parsed *parsed, char reason[CL_REASON_SIZE])
{
	int rc;

	ERR_set_mark();
	rc = check(parsed, reason);
	ERR_pop_to_mark();
	return rc;
}
