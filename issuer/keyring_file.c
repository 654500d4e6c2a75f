// SPDX-License-Identifier: Apache-2.0
// {"version": 1, "trust_domain": …, "sequence": N, "x509": [{"key": …, "certificate": …, "made": …,
// "until": …}], "jwt": [{"key": …, …}]}; keys are PKCS#8 and certificates DER, in base64url.
#include "keyring_file.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include "../spiffe/base64.h"
#include "../spiffe/json.h"
#include "../spiffe/key.h"
#include "../tools/node/files.h"
#include "../verify/base64url.h"
#include "../verify/socket.h"

#define DER_MAX 4096u

void keyring_key_free(struct keyring_key *k)
{
	EVP_PKEY_free(k->key);
	OPENSSL_free(k->certificate);
	*k = (struct keyring_key){.key = NULL};
}

static void free_keys(struct keyring_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		keyring_key_free(&keys->key[i]);
	keys->count = 0;
}

void keyring_state_free(struct keyring_state *s)
{
	free_keys(&s->x509);
	free_keys(&s->jwt);
}

static void copy_keys(struct keyring_keys *to, const struct keyring_keys *from)
{
	*to = *from;
	for (size_t i = 0; i < to->count; i++) {
		struct keyring_key *k = &to->key[i];
		EVP_PKEY_up_ref(k->key);
		if (k->certificate)
			k->certificate = OPENSSL_memdup(k->certificate, k->certificate_size);
		if (!k->certificate && k->certificate_size)
			abort();
	}
}

void keyring_state_copy(struct keyring_state *to, const struct keyring_state *from)
{
	to->sequence = from->sequence;
	copy_keys(&to->x509, &from->x509);
	copy_keys(&to->jwt, &from->jwt);
}

static json_t *encode(const uint8_t *der, size_t size)
{
	char text[CLV_BASE64URL_SIZE(DER_MAX)];

	if (size > DER_MAX)
		return NULL;
	clv_base64url(text, der, size);
	json_t *json = json_string(text);
	OPENSSL_cleanse(text, sizeof(text));
	return json;
}

static json_t *key_json(const struct keyring_key *k)
{
	uint8_t *der = NULL;
	int size = spiffe_key_to_der(k->key, &der);
	json_t *key = size > 0 ? encode(der, (size_t)size) : NULL;

	if (size > 0)
		OPENSSL_clear_free(der, (size_t)size);
	if (!key)
		return NULL;
	json_t *json = json_pack("{s:o,s:I,s:I}", "key", key, "made", (json_int_t)k->made, "until",
				 (json_int_t)k->until);
	if (json && k->certificate &&
	    json_object_set_new(json, "certificate", encode(k->certificate, k->certificate_size))) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static json_t *keys_json(const struct keyring_keys *keys)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < keys->count; i++)
		if (json_array_append_new(list, key_json(&keys->key[i]))) {
			json_decref(list);
			return NULL;
		}
	return list;
}

int keyring_state_write(const struct keyring_state *s, int dir, const char *domain,
			char error[CL_ERROR_SIZE])
{
	json_t *json = json_pack("{s:i,s:s,s:I,s:o,s:o}", "version", 1, "trust_domain", domain,
				 "sequence", (json_int_t)s->sequence, "x509", keys_json(&s->x509),
				 "jwt", keys_json(&s->jwt));
	char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
	int rc = -ENOMEM;

	if (text) {
		rc = file_replace(dir, KEYRING_FILE, text, strlen(text), 0600);
		OPENSSL_cleanse(text, strlen(text));
	}
	free(text);
	json_decref(json);
	return rc ? clv_error(error, rc, "%s: it cannot be written: %s", KEYRING_FILE,
			      strerror(-rc))
		  : 0;
}

static int decode(const char *text, uint8_t **der, size_t *size)
{
	size_t length = strlen(text);
	uint8_t *out = length <= CLV_BASE64URL_SIZE(DER_MAX)
			       ? OPENSSL_malloc(SPIFFE_BASE64_ROOM(length))
			       : NULL;
	ssize_t n = out ? spiffe_base64_decode(SPIFFE_BASE64URL, text, length, out) : -EINVAL;

	if (n <= 0) {
		OPENSSL_free(out);
		return -EINVAL;
	}
	*der = out;
	*size = (size_t)n;
	return 0;
}

static int read_key(json_t *json, bool x509, struct keyring_key *k)
{
	const char *key, *certificate = NULL, *why;
	json_int_t made, until;
	uint8_t *der;
	size_t size;

	if (json_unpack(json, "{s:s,s:I,s:I,s?s!}", "key", &key, "made", &made, "until", &until,
			"certificate", &certificate) ||
	    x509 != !!certificate || made < 0 || until < made || decode(key, &der, &size))
		return -EINVAL;
	int rc = spiffe_key_from_der(der, size, &k->key, &why);
	OPENSSL_clear_free(der, size);
	if (rc)
		return rc;
	k->made = (time_t)made;
	k->until = (time_t)until;
	return x509 ? decode(certificate, &k->certificate, &k->certificate_size) : 0;
}

static int read_keys(json_t *list, bool x509, struct keyring_keys *keys)
{
	if (!json_is_array(list) || json_array_size(list) > KEYRING_KEYS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		// Counted before it is filled, so that what there is of it is freed.
		struct keyring_key *k = &keys->key[keys->count++];
		if (read_key(json_array_get(list, i), x509, k) || (i && k->made < k[-1].made))
			return -EINVAL;
	}
	return 0;
}

static int read_state(struct keyring_state *s, json_t *json, const char *domain,
		      char error[CL_ERROR_SIZE])
{
	const char *theirs;
	json_int_t sequence;
	json_t *x509, *jwt;
	int version;

	if (json_unpack(json, "{s:i,s:s,s:I,s:o,s:o!}", "version", &version, "trust_domain",
			&theirs, "sequence", &sequence, "x509", &x509, "jwt", &jwt) ||
	    version != 1 || sequence < 0)
		return clv_error(error, -EINVAL, "%s: it is not of this program; restore it",
				 KEYRING_FILE);
	if (strcmp(theirs, domain) != 0)
		return clv_error(error, -EINVAL, "%s: these are keys of %.80s, not of %.80s",
				 KEYRING_FILE, theirs, domain);
	s->sequence = sequence;
	if (read_keys(x509, true, &s->x509) || read_keys(jwt, false, &s->jwt))
		return clv_error(error, -EINVAL, "%s: a key is damaged; restore it from a backup",
				 KEYRING_FILE);
	return 0;
}

// The file as JSON: 0, or a negative errno with the sentence.
static int read_json(int dir, json_t **json, char error[CL_ERROR_SIZE])
{
	char *text = malloc(KEYRING_FILE_MAX);
	const char *why = "";

	int n = text ? file_read(dir, KEYRING_FILE, text, KEYRING_FILE_MAX) : -ENOMEM;
	*json = n > 0 ? spiffe_json_object(text, (size_t)n, &why) : NULL;
	if (n > 0)
		OPENSSL_cleanse(text, (size_t)n);
	free(text);
	if (n < 0)
		return clv_error(error, n, "%s: %s", KEYRING_FILE, strerror(-n));
	return *json ? 0
		     : clv_error(error, -EINVAL, "%s: damaged (%s); restore it from a backup",
				 KEYRING_FILE, n ? why : "it is empty");
}

int keyring_state_domain(int dir, char domain[SPIFFE_DOMAIN_MAX + 1], char error[CL_ERROR_SIZE])
{
	const char *why = "it names no trust domain";
	json_t *json;
	int rc = read_json(dir, &json, error);

	if (rc)
		return rc;
	const char *text = json_string_value(json_object_get(json, "trust_domain"));
	if (!text || spiffe_domain_check(text, strlen(text), &why))
		rc = clv_error(error, -EINVAL, "%s: damaged (%s); restore it from a backup",
			       KEYRING_FILE, why);
	else
		memcpy(domain, text, strlen(text) + 1);
	json_decref(json);
	return rc;
}

int keyring_state_read(struct keyring_state *s, int dir, const char *domain,
		       char error[CL_ERROR_SIZE])
{
	json_t *json;

	memset(s, 0, sizeof(*s));
	int rc = read_json(dir, &json, error);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	rc = read_state(s, json, domain, error);
	json_decref(json);
	if (rc)
		keyring_state_free(s);
	return rc;
}
