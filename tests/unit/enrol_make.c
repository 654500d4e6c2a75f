// SPDX-License-Identifier: Apache-2.0
#include "enrol_make.h"
#include <assert.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

EVP_PKEY *make_key(bool rsa)
{
	EVP_PKEY *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");

	assert(key);
	return key;
}

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;

	if (!value)
		return;
	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert(extension && X509_add_ext(cert, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

X509 *make_cert(EVP_PKEY *key, const char *name, const struct made *issuer,
		const struct made_rules *rules)
{
	X509 *cert = X509_new(), *by = issuer ? issuer->cert : cert;

	assert(cert && X509_set_version(cert, rules->version) == 1);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	ASN1_TIME_set(X509_getm_notBefore(cert), rules->from);
	ASN1_TIME_set(X509_getm_notAfter(cert), rules->to);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(by));
	X509_set_pubkey(cert, key);
	extend(cert, by, NID_basic_constraints, rules->constraints);
	extend(cert, by, NID_key_usage, rules->usage);
	extend(cert, by, NID_ext_key_usage, rules->eku);
	assert(X509_sign(cert, issuer ? issuer->key : key, EVP_sha256()) > 0);
	return cert;
}

struct made make_authority(const char *name, const struct made *issuer, time_t now)
{
	const struct made_rules rules = {.constraints = "critical,CA:TRUE",
					 .usage = "critical,keyCertSign",
					 .from = now - 1000,
					 .to = now + 1000000,
					 .version = X509_VERSION_3};
	struct made made = {.key = make_key(false)};

	made.cert = make_cert(made.key, name, issuer, &rules);
	return made;
}

size_t make_area(enum public_kind kind, EVP_PKEY *key, uint8_t area[PUBLIC_MAX])
{
	// The template ends in its unique field, which in a key has its full size.
	size_t unique = kind == PUBLIC_EK_RSA ? 258 : kind == PUBLIC_EK_ECC ? 68 : 4;
	size_t at = (size_t)public_template(kind, area, PUBLIC_MAX) - unique;
	BIGNUM *x = NULL, *y = NULL;
	bool rsa = kind == PUBLIC_EK_RSA;
	int size = rsa ? 256 : 32;

	assert(EVP_PKEY_get_bn_param(key, rsa ? OSSL_PKEY_PARAM_RSA_N : OSSL_PKEY_PARAM_EC_PUB_X,
				     &x) == 1);
	assert(rsa || EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1);
	for (int i = 0; i < (rsa ? 1 : 2); i++, at += 2 + (size_t)size) {
		area[at] = (uint8_t)(size >> 8);
		area[at + 1] = (uint8_t)size;
		BN_bn2binpad(i ? y : x, area + at + 2, size);
	}
	BN_free(x);
	BN_free(y);
	return at;
}

size_t make_der(X509 *cert, uint8_t *der, size_t max)
{
	unsigned char *at = der;
	int size = i2d_X509(cert, NULL);

	assert(size > 0 && (size_t)size <= max);
	return (size_t)i2d_X509(cert, &at);
}

void made_free(struct made *made)
{
	EVP_PKEY_free(made->key);
	X509_free(made->cert);
}
