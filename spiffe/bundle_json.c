// SPDX-License-Identifier: Apache-2.0
// A bundle as a JWK Set (RFC 7517, section 5).
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include "base64.h"
#include "bundle.h"
#include "json.h"
#include "../verify/auto.h"
#include "key.h"
#include "x509_rules.h"

#define USE_X509 "x509-svid"
#define USE_JWT	 "jwt-svid"
#define X5C_MAX	 (SPIFFE_CERT_MAX / 3u * 4u + 4u) // characters
#define IGNORED	 1 // besides 0 and negative errnos: an entry that is of no use here

// X509-SVID.md, section 6.2: the first value of x5c.
static int read_x509(struct spiffe_bundle *bundle, const json_t *entry, EVP_PKEY *key,
		     const char **why)
{
	const json_t *x5c = json_object_get(entry, "x5c");
	const json_t *first = json_array_get(x5c, 0);
	AUTO(clv_free_x509) X509 *cert = NULL;
	const char *text = json_string_value(first);
	size_t length = json_string_length(first);
	const uint8_t *at;
	uint8_t *der;
	ssize_t size;
	int rc = IGNORED;

	if (!text || length > X5C_MAX)
		return IGNORED;
	der = malloc(SPIFFE_BASE64_ROOM(length));
	if (!der) {
		*why = "no memory";
		return -ENOMEM;
	}
	size = spiffe_base64_decode(SPIFFE_BASE64, text, length, der);
	at = der;
	if (size > 0)
		cert = spiffe_x509_read(&at, (size_t)size, why);
	// The entry's own key is the certificate's (RFC 7517, section 4.7).
	if (cert && X509_get0_pubkey(cert) && EVP_PKEY_eq(X509_get0_pubkey(cert), key) == 1) {
		rc = spiffe_bundle_add_x509(bundle, der, (size_t)size, why);
		if (rc == -EINVAL)
			rc = IGNORED;
	}
	free(der);
	return rc;
}

static int read_jwt(struct spiffe_bundle *bundle, const json_t *entry, EVP_PKEY *key,
		    const char **why)
{
	const char *kid = json_string_value(json_object_get(entry, "kid"));
	int rc = kid ? spiffe_bundle_add_jwt(bundle, kid, key, 0, why) : IGNORED;

	return rc == -EINVAL ? IGNORED : rc;
}

// `plain`: the set is for JWTs alone, whose entries need not say so.
static int read_entry(struct spiffe_bundle *bundle, const json_t *entry, bool plain,
		      const char **why)
{
	const char *use = plain ? USE_JWT : json_string_value(json_object_get(entry, "use"));
	AUTO(clv_free_pkey) EVP_PKEY *key = NULL;

	if (!json_is_object(entry)) {
		*why = "an entry of its keys is no JWK";
		return -EINVAL;
	}
	// Before a key is made of it: there may be thousands that are for something else.
	if (!use || (strcmp(use, USE_X509) != 0 && strcmp(use, USE_JWT) != 0) ||
	    spiffe_key_from_jwk(entry, &key, why))
		return IGNORED;
	return strcmp(use, USE_JWT) == 0 ? read_jwt(bundle, entry, key, why)
					 : read_x509(bundle, entry, key, why);
}

static int read_count(const json_t *json, const char *member, int64_t *to)
{
	const json_t *value = json_object_get(json, member);

	*to = 0;
	if (!value)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return -EINVAL;
	*to = json_integer_value(value);
	return 0;
}

static int read_set(struct spiffe_bundle *bundle, const json_t *json, bool plain, const char **why)
{
	const json_t *keys = json_object_get(json, "keys");
	int64_t sequence;

	if (!json_is_array(keys)) {
		*why = "it has no keys, which a JWK Set has";
		return -EINVAL;
	}
	if (read_count(json, "spiffe_sequence", &sequence) ||
	    read_count(json, "spiffe_refresh_hint", &bundle->refresh_hint)) {
		*why = "spiffe_sequence or spiffe_refresh_hint is no integer of 0 or more";
		return -EINVAL;
	}
	for (size_t i = 0; i < json_array_size(keys); i++) {
		int rc = read_entry(bundle, json_array_get(keys, i), plain, why);

		if (rc < 0)
			return rc == -ENOMEM ? rc : -EINVAL;
		bundle->ignored += rc == IGNORED;
	}
	bundle->sequence = sequence;
	return 0;
}

static int read_document(struct spiffe_bundle *bundle, const char *domain, const char *json,
			 size_t size, bool plain, const char **why)
{
	AUTO(clv_free_json) json_t *set = NULL;
	int rc = spiffe_bundle_init(bundle, domain, why);

	if (rc)
		return rc;
	if (size > SPIFFE_BUNDLE_JSON_MAX) {
		*why = "it is longer than 256 KiB";
		return -EINVAL;
	}
	set = spiffe_json_object(json, size, why);
	if (!set)
		return -EINVAL;
	ERR_set_mark();
	rc = read_set(bundle, set, plain, why);
	ERR_pop_to_mark();
	if (rc) {
		const char *reason = *why;

		spiffe_bundle_free(bundle);
		spiffe_bundle_init(bundle, domain, why);
		*why = reason;
	}
	return rc;
}

int spiffe_bundle_read(struct spiffe_bundle *bundle, const char *domain, const char *json,
		       size_t size, const char **why)
{
	return read_document(bundle, domain, json, size, false, why);
}

int spiffe_bundle_read_jwt(struct spiffe_bundle *bundle, const char *domain, const char *json,
			   size_t size, const char **why)
{
	return read_document(bundle, domain, json, size, true, why);
}

static json_t *x509_entry(X509 *cert)
{
	json_t *jwk = spiffe_key_to_jwk(X509_get0_pubkey(cert));
	unsigned char *der = NULL, *text = NULL;
	int size = i2d_X509(cert, &der);
	json_t *x5c = NULL;

	if (size > 0)
		text = malloc(4 * ((size_t)size / 3 + 1) + 1);
	if (text && EVP_EncodeBlock(text, der, size) > 0)
		x5c = json_pack("[s]", text);
	free(text);
	OPENSSL_free(der);
	// No kid: section 6.1 of X509-SVID.md.
	if (jwk && !json_object_set_new(jwk, "x5c", x5c) &&
	    !json_object_set_new(jwk, "use", json_string(USE_X509)))
		return jwk;
	json_decref(jwk);
	return NULL;
}

static json_t *jwt_entry(const struct spiffe_jwt_authority *authority, bool plain)
{
	json_t *jwk = spiffe_key_to_jwk(authority->key);

	if (jwk && !json_object_set_new(jwk, "kid", json_string(authority->kid)) &&
	    (plain || !json_object_set_new(jwk, "use", json_string(USE_JWT))))
		return jwk;
	json_decref(jwk);
	return NULL;
}

// Takes set over.
static char *print(json_t *set)
{
	char *text = set ? json_dumps(set, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	json_decref(set);
	return text;
}

static int add_jwts(json_t *keys, const struct spiffe_bundle *bundle, bool plain)
{
	for (size_t i = 0; i < bundle->nr_jwt; i++)
		if (json_array_append_new(keys, jwt_entry(&bundle->jwt[i], plain)))
			return -ENOMEM;
	return 0;
}

char *spiffe_bundle_write(const struct spiffe_bundle *bundle)
{
	AUTO(clv_free_json) json_t *keys = json_array();
	json_t *set;

	if (!keys)
		return NULL;
	for (size_t i = 0; i < bundle->nr_x509; i++)
		if (json_array_append_new(keys, x509_entry(bundle->x509[i])))
			return NULL;
	if (add_jwts(keys, bundle, false))
		return NULL;
	set = json_pack("{s:O, s:I}", "keys", keys, "spiffe_sequence",
			(json_int_t)bundle->sequence);
	if (set && bundle->refresh_hint &&
	    json_object_set_new(set, "spiffe_refresh_hint",
				json_integer((json_int_t)bundle->refresh_hint))) {
		json_decref(set);
		return NULL;
	}
	return print(set);
}

char *spiffe_bundle_write_jwt(const struct spiffe_bundle *bundle)
{
	AUTO(clv_free_json) json_t *keys = json_array();

	if (!keys || add_jwts(keys, bundle, true))
		return NULL;
	return print(json_pack("{s:O}", "keys", keys));
}
