// SPDX-License-Identifier: Apache-2.0
// The forge of the tests of spiffe/.
#include "spiffe_forge.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include "../../verify/base64url.h"

static const struct forge_rules good_leaf = {.subject = "",
					     .san = "critical,URI:spiffe://" FORGE_DOMAIN "/web",
					     .constraints = "critical,CA:FALSE",
					     .usage = "critical,digitalSignature",
					     .eku = "serverAuth,clientAuth",
					     .other = "",
					     .digest = "SHA256"};
static const struct forge_rules good_authority = {.subject = "Authority",
						  .san = "URI:spiffe://" FORGE_DOMAIN,
						  .constraints = "critical,CA:TRUE",
						  .usage = "critical,keyCertSign,cRLSign",
						  .eku = "",
						  .other = "",
						  .digest = "SHA256"};

// A forge that fails is no test.
static void must(bool done)
{
	if (!done) {
		fprintf(stderr, "spiffe_forge: OpenSSL failed\n");
		abort();
	}
}

EVP_PKEY *forge_key(const char *kind)
{
	EVP_PKEY *key;

	if (!strncmp(kind, "RSA", 3))
		key = EVP_RSA_gen(kind[3] ? 1024u : 2048u);
	else if (!strcmp(kind, "ED25519"))
		key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
	else
		key = EVP_EC_gen(kind);
	must(key != NULL);
	return key;
}

static const char *pick(const char *own, const char *usual)
{
	return own ? own : usual;
}

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	if (!*value)
		return;
	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	must(extension && X509_add_ext(cert, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static void extend_other(X509 *cert, const char *line)
{
	char name[64];
	const char *equals = strchr(line, '=');
	X509_EXTENSION *extension;

	if (!equals)
		return;
	snprintf(name, sizeof(name), "%.*s", (int)(equals - line), line);
	extension = X509V3_EXT_conf(NULL, NULL, name, equals + 1);
	must(extension && X509_add_ext(cert, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

// One bit of what an authority has signed with.
static X509 *damaged(X509 *cert)
{
	unsigned char *der = NULL;
	int size = i2d_X509(cert, &der);
	const unsigned char *at = der;

	must(size > 0);
	der[size - 1] ^= 1;
	X509_free(cert);
	cert = d2i_X509(NULL, &at, size);
	OPENSSL_free(der);
	must(cert != NULL);
	return cert;
}

static X509 *forge(EVP_PKEY *key, const struct forged *issuer, const struct forge_rules *own,
		   const struct forge_rules *usual)
{
	static const struct forge_rules nothing;
	static long serial;
	const struct forge_rules *r = own ? own : &nothing;
	const char *subject = pick(r->subject, usual->subject);
	X509 *cert = X509_new(), *by = issuer ? issuer->cert : cert;
	EVP_PKEY *signer = issuer ? issuer->key : key;

	must(cert && X509_set_version(cert, r->version_1 ? X509_VERSION_1 : X509_VERSION_3) == 1);
	must(ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial) == 1);
	must(ASN1_TIME_set(X509_getm_notBefore(cert), r->from ? r->from : FORGE_NOW - FORGE_HOUR) &&
	     ASN1_TIME_set(X509_getm_notAfter(cert), r->to ? r->to : FORGE_NOW + FORGE_HOUR));
	if (*subject)
		must(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
						(const unsigned char *)subject, -1, -1, 0) == 1);
	must(X509_set_issuer_name(cert, X509_get_subject_name(by)) == 1 &&
	     X509_set_pubkey(cert, key) == 1);
	if (!r->version_1) {
		extend(cert, by, NID_basic_constraints, pick(r->constraints, usual->constraints));
		extend(cert, by, NID_key_usage, pick(r->usage, usual->usage));
		extend(cert, by, NID_ext_key_usage, pick(r->eku, usual->eku));
		extend(cert, by, NID_subject_alt_name, pick(r->san, usual->san));
		extend_other(cert, pick(r->other, usual->other));
	}
	must(X509_sign(cert, signer,
		       EVP_PKEY_is_a(signer, "ED25519")
			       ? NULL
			       : EVP_get_digestbyname(pick(r->digest, usual->digest))) > 0);
	return r->damage ? damaged(cert) : cert;
}

X509 *forge_leaf(EVP_PKEY *key, const struct forged *issuer, const struct forge_rules *rules)
{
	return forge(key, issuer, rules, &good_leaf);
}

X509 *forge_authority(EVP_PKEY *key, const struct forged *issuer, const struct forge_rules *rules)
{
	return forge(key, issuer, rules, &good_authority);
}

struct forged forge_ca(const struct forged *issuer, const struct forge_rules *rules)
{
	EVP_PKEY *key = forge_key("P-256");

	return (struct forged){key, forge_authority(key, issuer, rules)};
}

void forged_free(struct forged *forged)
{
	EVP_PKEY_free(forged->key);
	X509_free(forged->cert);
	*forged = (struct forged){NULL, NULL};
}

size_t forge_append(uint8_t *to, size_t size, size_t max, X509 *cert)
{
	unsigned char *at = to + size;
	int more = i2d_X509(cert, NULL);

	must(more > 0 && (size_t)more <= max - size && i2d_X509(cert, &at) == more);
	X509_free(cert);
	return size + (size_t)more;
}

size_t forge_csr(EVP_PKEY *key, const char *san, const char *digest, uint8_t *to, size_t max)
{
	return forge_csr_of(X509_REQ_VERSION_1, key, san, digest, to, max);
}

size_t forge_csr_of(long version, EVP_PKEY *key, const char *san, const char *digest, uint8_t *to,
		    size_t max)
{
	X509_REQ *req = X509_REQ_new();
	STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
	unsigned char *at = to;
	int size;

	must(req && extensions && X509_REQ_set_version(req, version) == 1 &&
	     X509_REQ_set_pubkey(req, key) == 1);
	if (san) {
		X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);

		must(names && sk_X509_EXTENSION_push(extensions, names) > 0 &&
		     X509_REQ_add_extensions(req, extensions) == 1);
	}
	must(X509_REQ_sign(req, key,
			   EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_get_digestbyname(digest)) >
	     0);
	size = i2d_X509_REQ(req, NULL);
	must(size > 0 && (size_t)size <= max && i2d_X509_REQ(req, &at) == size);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	X509_REQ_free(req);
	return (size_t)size;
}

// Any key's PEM, which whoever knows the public key knows.
static size_t hmac(const char *text, size_t size, EVP_PKEY *key, uint8_t *sig)
{
	BIO *bio = BIO_new(BIO_s_mem());
	unsigned int sig_size = 0;
	char *pem;
	long pem_size;

	must(bio && PEM_write_bio_PUBKEY(bio, key) == 1);
	pem_size = BIO_get_mem_data(bio, &pem);
	must(HMAC(EVP_sha256(), pem, (int)pem_size, (const uint8_t *)text, size, sig, &sig_size) !=
	     NULL);
	BIO_free(bio);
	return sig_size;
}

static size_t sign(const char *text, size_t size, const char *alg, EVP_PKEY *key, uint8_t *sig,
		   size_t max)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx;
	char digest[8];
	size_t made = max;

	snprintf(digest, sizeof(digest), "SHA%s", alg + 2);
	must(ctx && EVP_DigestSignInit_ex(ctx, &key_ctx, digest, NULL, NULL, key, NULL) == 1);
	if (alg[0] == 'P' || alg[0] == 'X')
		must(EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(
			     key_ctx, alg[0] == 'P' ? RSA_PSS_SALTLEN_DIGEST : 20) > 0);
	must(EVP_DigestSign(ctx, sig, &made, (const uint8_t *)text, size) == 1);
	EVP_MD_CTX_free(ctx);
	if (alg[0] == 'E') {
		const unsigned char *at = sig;
		ECDSA_SIG *both = d2i_ECDSA_SIG(NULL, &at, (long)made);
		int half = (EVP_PKEY_get_bits(key) + 7) / 8;

		must(both && BN_bn2binpad(ECDSA_SIG_get0_r(both), sig, half) == half &&
		     BN_bn2binpad(ECDSA_SIG_get0_s(both), sig + half, half) == half);
		ECDSA_SIG_free(both);
		made = 2 * (size_t)half;
	}
	return made;
}

char *forge_jwt(const char *header, const char *claims, const char *alg, EVP_PKEY *key)
{
	uint8_t sig[1024];
	size_t sig_size = 0;
	char *token = malloc(CLV_BASE64URL_SIZE(strlen(header)) +
			     CLV_BASE64URL_SIZE(strlen(claims)) + CLV_BASE64URL_SIZE(sizeof(sig)));
	char *at = token;

	must(token != NULL);
	at = clv_base64url(at, (const uint8_t *)header, strlen(header));
	*at++ = '.';
	at = clv_base64url(at, (const uint8_t *)claims, strlen(claims));
	if (!strcmp(alg, "HS256"))
		sig_size = hmac(token, (size_t)(at - token), key, sig);
	else if (strcmp(alg, "none") != 0)
		sig_size = sign(token, (size_t)(at - token), alg, key, sig, sizeof(sig));
	*at++ = '.';
	clv_base64url(at, sig, sig_size);
	return token;
}
