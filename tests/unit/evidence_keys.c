// SPDX-License-Identifier: Apache-2.0
// The forge's CA: certificates and CRLs.
#include "evidence_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define KEPT 16

time_t forge_ca_from = FORGE_NOW - 100 * FORGE_DAY, forge_ca_until = FORGE_NOW + 100 * FORGE_DAY;

static EVP_PKEY *ca_key(enum forge_who who)
{
	static EVP_PKEY *keys[FORGE_WHO];

	if (!keys[who])
		keys[who] = EVP_EC_gen("P-256");
	return keys[who];
}

EVP_PKEY *forge_ak(enum forge_who who, const char *type)
{
	static struct {
		const char *type;
		EVP_PKEY *key;
	} keys[FORGE_WHO][4];

	for (size_t i = 0; i < 4; i++) {
		if (!keys[who][i].key) {
			keys[who][i].type = type;
			keys[who][i].key =
				strcmp(type, "RSA") == 0 ? EVP_RSA_gen(2048) : EVP_EC_gen(type);
		}
		if (strcmp(keys[who][i].type, type) == 0)
			return keys[who][i].key;
	}
	fail_msg("too many kinds of keys");
	return NULL;
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	CONF *conf;

	if (!value)
		return;
	conf = NCONF_new(NULL); /* empty, but without one there are no policies */
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, conf);
	ext = X509V3_EXT_nconf_nid(conf, &ctx, nid, value);
	NCONF_free(conf);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

/* An extension with an OID of its own, which RFC 5280 wants refused if it is critical. */
static void add_unknown(X509 *cert, const char *oid)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext;

	assert_int_equal(ASN1_OCTET_STRING_set(value, (const uint8_t *)"\5", 2), 1);
	ext = X509_EXTENSION_create_by_OBJ(NULL, object, 1, value);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(object);
}

static void set_names(X509 *cert, const char *issuer, const char *name, const char *ek)
{
	X509_NAME *n = X509_get_issuer_name(cert);

	X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const uint8_t *)issuer, -1, -1, 0);
	n = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const uint8_t *)name, -1, -1, 0);
	if (ek)
		X509_NAME_add_entry_by_txt(n, "serialNumber", MBSTRING_UTF8, (const uint8_t *)ek,
					   -1, -1, 0);
}

static const char *ca_name(enum forge_who who)
{
	static const char *const names[FORGE_WHO] = {"Test CA", "Other CA", "CA without CRLs"};

	return names[who];
}

static X509 *ca_cert(enum forge_who who)
{
	static X509 *certs[FORGE_WHO];
	X509 *cert = certs[who];

	if (cert)
		return cert;
	cert = certs[who] = X509_new();
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	set_names(cert, ca_name(who), ca_name(who), NULL);
	ASN1_TIME_set(X509_getm_notBefore(cert), forge_ca_from);
	ASN1_TIME_set(X509_getm_notAfter(cert), forge_ca_until);
	X509_set_pubkey(cert, ca_key(who));
	add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(cert, cert, NID_key_usage,
		      who == FORGE_CRL_LESS ? "critical,keyCertSign"
					    : "critical,keyCertSign,cRLSign");
	assert_true(X509_sign(cert, ca_key(who), EVP_sha256()) > 0);
	return cert;
}

size_t forge_cert_make(const struct forge_cert *c, uint8_t *out, size_t cap)
{
	X509 *cert = X509_new(), *ca = ca_cert(c->ca);
	unsigned char *at = out;
	int size;

	X509_set_version(cert, c->version);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), c->serial);
	set_names(cert, c->issuer ? c->issuer : ca_name(c->ca), c->name, c->ek);
	ASN1_TIME_set(X509_getm_notBefore(cert), c->from);
	ASN1_TIME_set(X509_getm_notAfter(cert), c->until);
	X509_set_pubkey(cert, forge_ak(c->ak, c->key_type));
	add_extension(cert, ca, NID_basic_constraints, c->constraints);
	add_extension(cert, ca, NID_key_usage, c->usage);
	add_extension(cert, ca, NID_ext_key_usage, c->eku);
	add_extension(cert, ca, NID_certificate_policies, c->policies);
	if (c->unknown)
		add_unknown(cert, c->unknown);
	assert_true(X509_sign(cert, ca_key(c->ca), EVP_sha256()) > 0);
	size = i2d_X509(cert, NULL);
	assert_true(size > 0 && (size_t)size <= cap);
	i2d_X509(cert, &at);
	X509_free(cert);
	return (size_t)size;
}

/* What a BIO holds, kept for the life of the test. */
static const char *keep(BIO *bio)
{
	static char *kept[KEPT];
	static size_t n;
	char *data;
	long size = BIO_get_mem_data(bio, &data);

	free(kept[n % KEPT]);
	kept[n % KEPT] = strndup(data, (size_t)size);
	BIO_free(bio);
	return kept[n++ % KEPT];
}

const char *forge_ca_pem(enum forge_who who)
{
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_X509(bio, ca_cert(who));
	return keep(bio);
}

static const char *crl_pem(enum forge_who who, long revoked, time_t from, time_t until,
			   const char *scope)
{
	ASN1_TIME *begin = ASN1_TIME_set(NULL, from), *end = ASN1_TIME_set(NULL, until);
	BIO *bio = BIO_new(BIO_s_mem());
	X509_CRL *crl = X509_CRL_new();

	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca_cert(who)));
	X509_CRL_set1_lastUpdate(crl, begin);
	X509_CRL_set1_nextUpdate(crl, end);
	if (revoked) {
		X509_REVOKED *entry = X509_REVOKED_new();
		ASN1_INTEGER *serial = ASN1_INTEGER_new();

		ASN1_INTEGER_set(serial, revoked);
		X509_REVOKED_set_serialNumber(entry, serial);
		X509_REVOKED_set_revocationDate(entry, begin);
		X509_CRL_add0_revoked(crl, entry);
		ASN1_INTEGER_free(serial);
	}
	if (scope) {
		X509_EXTENSION *ext =
			X509V3_EXT_conf_nid(NULL, NULL, NID_issuing_distribution_point, scope);

		assert_int_equal(X509_CRL_add_ext(crl, ext, -1), 1);
		X509_EXTENSION_free(ext);
	}
	X509_CRL_sort(crl);
	assert_true(X509_CRL_sign(crl, ca_key(who), EVP_sha256()) > 0);
	PEM_write_bio_X509_CRL(bio, crl);
	X509_CRL_free(crl);
	ASN1_TIME_free(begin);
	ASN1_TIME_free(end);
	return keep(bio);
}

const char *forge_crl_pem(enum forge_who who, long revoked, time_t from, time_t until)
{
	return crl_pem(who, revoked, from, until, NULL);
}

const char *forge_partial_crl_pem(void)
{
	return crl_pem(FORGE_THIS, 0, FORGE_NOW - 1, FORGE_NOW + 1, "critical,onlyCA:TRUE");
}

const char *forge_key_pem(void)
{
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_PrivateKey(bio, ca_key(FORGE_OTHER), NULL, NULL, 0, NULL, NULL);
	return keep(bio);
}
