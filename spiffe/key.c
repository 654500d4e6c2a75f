// SPDX-License-Identifier: Apache-2.0
// Keys, their PKCS#8 and their JWKs.
#include "key.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include "../verify/auto.h"
#include "../verify/base64url.h"
#include "base64.h"

#define RSA_MIN	  2048 // bits
#define RSA_MAX	  8192
#define COORD_MAX 66u // bytes, of P-521
#define E_MAX	  8u  // bytes, of an RSA key's exponent
#define N_MAX	  (RSA_MAX / 8u)

// In the order of enum spiffe_key_kind.
static const struct curve {
	const char *crv;   // RFC 7518, section 6.2.1.1
	const char *group; // OpenSSL's name
	size_t size;	   // of a coordinate, in bytes
} curves[] = {
	[SPIFFE_KEY_P256] = {"P-256", SN_X9_62_prime256v1, 32},
	[SPIFFE_KEY_P384] = {"P-384", SN_secp384r1, 48},
	[SPIFFE_KEY_P521] = {"P-521", SN_secp521r1, COORD_MAX},
};

static int refuse(const char **why, const char *reason)
{
	*why = reason;
	return -EINVAL;
}

enum spiffe_key_kind spiffe_key_kind(const EVP_PKEY *key)
{
	char group[32];
	int bits;

	if (EVP_PKEY_is_a(key, "RSA")) {
		bits = EVP_PKEY_get_bits(key);
		return bits >= RSA_MIN && bits <= RSA_MAX ? SPIFFE_KEY_RSA : SPIFFE_KEY_OTHER;
	}
	if (!EVP_PKEY_is_a(key, "EC") ||
	    EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
					   NULL) != 1)
		return SPIFFE_KEY_OTHER;
	for (enum spiffe_key_kind kind = SPIFFE_KEY_P256; kind <= SPIFFE_KEY_P521; kind++)
		if (!strcmp(group, curves[kind].group))
			return kind;
	return SPIFFE_KEY_OTHER;
}

EVP_PKEY *spiffe_key_new(void)
{
	return EVP_EC_gen(SN_X9_62_prime256v1);
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
	AUTO(clv_free_pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return NULL;
	return key;
}

// OpenSSL takes no point that is not on the curve; the cofactor of all three is 1.
static EVP_PKEY *from_point(const struct curve *curve, const uint8_t *point)
{
	uint8_t bytes[1 + 2 * COORD_MAX];
	char group[32];

	memcpy(group, curve->group, strlen(curve->group) + 1);
	memcpy(bytes, point, 1 + 2 * curve->size);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, bytes,
						  1 + 2 * curve->size),
		OSSL_PARAM_construct_end(),
	};
	return from_params("EC", params);
}

EVP_PKEY *spiffe_key_from_point(const uint8_t point[SPIFFE_POINT_SIZE])
{
	EVP_PKEY *key = NULL;

	ERR_set_mark();
	if (point[0] == POINT_CONVERSION_UNCOMPRESSED)
		key = from_point(&curves[SPIFFE_KEY_P256], point);
	ERR_pop_to_mark();
	return key;
}

int spiffe_key_to_der(const EVP_PKEY *key, uint8_t **der)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	int size = -1;

	*der = NULL;
	if (info)
		size = i2d_PKCS8_PRIV_KEY_INFO(info, der);
	PKCS8_PRIV_KEY_INFO_free(info); // wipes it
	return size > 0 ? size : -ENOMEM;
}

// Does the public half belong to the private one?
static bool matches(EVP_PKEY *key)
{
	AUTO(clv_free_pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	return ctx && EVP_PKEY_pairwise_check(ctx) == 1;
}

int spiffe_key_from_der(const uint8_t *der, size_t size, EVP_PKEY **key, const char **why)
{
	const unsigned char *at = der;
	PKCS8_PRIV_KEY_INFO *info;

	*key = NULL;
	if (!size || size > SPIFFE_KEY_DER_MAX)
		return refuse(why, "the private key is of no acceptable size");
	ERR_set_mark();
	info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)size);
	if (info && at == der + size)
		*key = EVP_PKCS82PKEY(info);
	PKCS8_PRIV_KEY_INFO_free(info);
	*why = NULL;
	if (!*key)
		*why = "the private key is no PKCS#8 in DER";
	else if (spiffe_key_kind(*key) != SPIFFE_KEY_P256)
		*why = "the private key is not of P-256";
	else if (!matches(*key))
		*why = "the private key's public half is another key's";
	ERR_pop_to_mark();
	if (!*why)
		return 0;
	EVP_PKEY_free(*key);
	*key = NULL;
	return -EINVAL;
}

// A number as base64url; of `size` bytes, or of as few as it needs where size is 0.
static json_t *number_json(const EVP_PKEY *key, const char *param, size_t size)
{
	AUTO(clv_free_bn) BIGNUM *n = NULL;
	char text[CLV_BASE64URL_SIZE(N_MAX)];
	uint8_t bytes[N_MAX];
	int used;

	if (EVP_PKEY_get_bn_param(key, param, &n) != 1)
		return NULL;
	used = size ? (int)size : BN_num_bytes(n);
	if (used > (int)sizeof(bytes) || BN_bn2binpad(n, bytes, used) != used)
		return NULL;
	clv_base64url(text, bytes, (size_t)used);
	return json_string(text);
}

json_t *spiffe_key_to_jwk(const EVP_PKEY *key)
{
	enum spiffe_key_kind kind = spiffe_key_kind(key);
	const struct curve *curve = &curves[kind <= SPIFFE_KEY_P521 ? kind : 0];

	switch (kind) {
	case SPIFFE_KEY_OTHER:
		return NULL;
	case SPIFFE_KEY_RSA:
		return json_pack("{s:s, s:o, s:o}", "kty", "RSA", "n",
				 number_json(key, OSSL_PKEY_PARAM_RSA_N, 0), "e",
				 number_json(key, OSSL_PKEY_PARAM_RSA_E, 0));
	default:
		return json_pack("{s:s, s:s, s:o, s:o}", "kty", "EC", "crv", curve->crv, "x",
				 number_json(key, OSSL_PKEY_PARAM_EC_PUB_X, curve->size), "y",
				 number_json(key, OSSL_PKEY_PARAM_EC_PUB_Y, curve->size));
	}
}

// A member of at most max bytes as base64url: the size, 0 if it is not that.
static size_t number_of(const json_t *jwk, const char *member, uint8_t *out, size_t max)
{
	const json_t *value = json_object_get(jwk, member);
	const char *text = json_string_value(value);
	size_t size = json_string_length(value);
	uint8_t bytes[SPIFFE_BASE64_ROOM(CLV_BASE64URL_SIZE(N_MAX))];
	ssize_t made;

	if (!text || size >= CLV_BASE64URL_SIZE(max))
		return 0;
	made = spiffe_base64_decode(SPIFFE_BASE64URL, text, size, bytes);
	if (made <= 0 || (size_t)made > max)
		return 0;
	memcpy(out, bytes, (size_t)made);
	return (size_t)made;
}

static int ec_from_jwk(const json_t *jwk, EVP_PKEY **key, const char **why)
{
	const char *crv = json_string_value(json_object_get(jwk, "crv"));
	uint8_t point[1 + 2 * COORD_MAX] = {POINT_CONVERSION_UNCOMPRESSED};
	const struct curve *curve = NULL;
	size_t size;

	for (size_t i = SPIFFE_KEY_P256; crv && i <= SPIFFE_KEY_P521; i++)
		if (!strcmp(crv, curves[i].crv))
			curve = &curves[i];
	if (!curve)
		return refuse(why, "its curve is not known");
	size = curve->size;
	// Leading zeros are part of a coordinate (RFC 7518, section 6.2.1.2).
	if (number_of(jwk, "x", point + 1, size) != size ||
	    number_of(jwk, "y", point + 1 + size, size) != size)
		return refuse(why, "its x or y is no coordinate on its curve");
	*key = from_point(curve, point);
	return *key ? 0 : refuse(why, "its x and y are no point on its curve");
}

static EVP_PKEY *rsa_from(const BIGNUM *n, const BIGNUM *e)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key;

	if (build && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		params = OSSL_PARAM_BLD_to_param(build);
	key = from_params("RSA", params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	return key;
}

static int rsa_from_jwk(const json_t *jwk, EVP_PKEY **key, const char **why)
{
	uint8_t n_bytes[N_MAX], e_bytes[E_MAX];
	size_t n_size = number_of(jwk, "n", n_bytes, sizeof(n_bytes));
	size_t e_size = number_of(jwk, "e", e_bytes, sizeof(e_bytes));
	AUTO(clv_free_bn) BIGNUM *n = BN_bin2bn(n_bytes, (int)n_size, NULL);
	AUTO(clv_free_bn) BIGNUM *e = BN_bin2bn(e_bytes, (int)e_size, NULL);

	if (!n || !e)
		return refuse(why, "no memory");
	if (BN_num_bits(n) < RSA_MIN || !BN_is_odd(n))
		return refuse(why, "its modulus is none of 2048 to 8192 bits");
	if (BN_num_bits(e) < 2 || !BN_is_odd(e))
		return refuse(why, "its exponent is even, 1, or longer than 64 bits");
	*key = rsa_from(n, e);
	return *key ? 0 : refuse(why, "OpenSSL cannot make an RSA key of it");
}

int spiffe_key_from_jwk(const json_t *jwk, EVP_PKEY **key, const char **why)
{
	const char *kty = json_string_value(json_object_get(jwk, "kty"));
	int rc;

	*key = NULL;
	if (!kty)
		return refuse(why, "it has no kty");
	if (json_object_get(jwk, "d"))
		return refuse(why, "it has the private key in it");
	ERR_set_mark();
	if (!strcmp(kty, "EC"))
		rc = ec_from_jwk(jwk, key, why);
	else if (!strcmp(kty, "RSA"))
		rc = rsa_from_jwk(jwk, key, why);
	else
		rc = refuse(why, "its kty is not known");
	ERR_pop_to_mark();
	return rc;
}

int spiffe_key_kid(const EVP_PKEY *key, char kid[SPIFFE_KID_SIZE])
{
	AUTO(clv_free_json) json_t *jwk = spiffe_key_to_jwk(key);
	uint8_t digest[SHA256_DIGEST_LENGTH];
	char *text;

	// Required members only, sorted, without white space (RFC 7638, section 3).
	text = jwk ? json_dumps(jwk, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	if (!text)
		return -EINVAL;
	SHA256((const uint8_t *)text, strlen(text), digest);
	free(text);
	clv_base64url(kid, digest, sizeof(digest));
	return 0;
}
