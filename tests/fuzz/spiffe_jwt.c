// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for JWT-SVIDs and keys: any bytes are no token; a genuine one with bytes changed
 * is none either; of any header and claims, rightly signed, what is taken says all that the
 * standard wants; a JWK or private key that is taken is written and read again.
 */
#include <errno.h>

#include <openssl/crypto.h>

#include "jwt.h"
#include "key.h"
#include "spiffe_change.h"
#include "spiffe_forge.h"

#define WEB "spiffe://" FORGE_DOMAIN "/web"

int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct spiffe_bundle bundle;
static const struct spiffe_bundle *const list[] = {&bundle};
static const struct spiffe_bundles bundles = {list, 1};
static const struct spiffe_jwt_question question = {"reports", &bundles, FORGE_NOW, 0};
static struct spiffe_id id;
static EVP_PKEY *key;
static char *genuine;
static uint8_t *key_der;
static int key_size;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const aud[] = {"reports"};
	const struct spiffe_jwt_grant grant = {&id, aud, 1, FORGE_NOW, 60};
	const char *why;

	key = forge_key("P-256");
	require(!spiffe_bundle_init(&bundle, FORGE_DOMAIN, &why));
	require(!spiffe_bundle_add_jwt(&bundle, "k", key, 0, &why));
	require(!spiffe_id_make(&id, FORGE_DOMAIN, "/web", &why));
	genuine = spiffe_jwt_issue(key, "k", &grant, &why);
	key_size = spiffe_key_to_der(key, &key_der);
	require(genuine && key_size > 0);
	return 0;
}

/* The claims, if it is taken. */
static json_t *check(const char *token, size_t size)
{
	const char *why = NULL;
	json_t *claims;
	int rc = spiffe_jwt_check(token, size, &question, &id, &claims, &why);

	require(rc == 0 ? claims != NULL : rc == -EINVAL && why && !claims);
	return claims;
}

static void changed_token(struct input *in)
{
	size_t size = strlen(genuine);
	char *token = changed(in, genuine, &size);
	json_t *claims = check(token, size);

	if (claims)
		require(size == strlen(genuine) && !memcmp(token, genuine, size));
	json_decref(claims);
	free(token);
}

static bool names(const json_t *aud, const char *name)
{
	if (json_is_string(aud))
		return !strcmp(json_string_value(aud), name);
	for (size_t i = 0; i < json_array_size(aud); i++)
		if (!strcmp(json_string_value(json_array_get(aud, i)), name))
			return true;
	return false;
}

static void look_at(const char *header_text, const json_t *claims)
{
	json_t *header = json_loads(header_text, JSON_REJECT_DUPLICATES, NULL);
	const json_t *kid = json_object_get(header, "kid"), *typ = json_object_get(header, "typ");
	const json_t *nbf = json_object_get(claims, "nbf");

	require(!strcmp(json_string_value(json_object_get(header, "alg")), "ES256"));
	require(!kid || !strcmp(json_string_value(kid), "k"));
	require(!typ || !strcmp(json_string_value(typ), "JWT") ||
		!strcmp(json_string_value(typ), "JOSE"));
	require(json_object_size(header) == 1u + (kid != NULL) + (typ != NULL));
	require(!strcmp(json_string_value(json_object_get(claims, "sub")), id.text));
	require(spiffe_id_in(&id, FORGE_DOMAIN) && !spiffe_id_is_domain(&id));
	require(names(json_object_get(claims, "aud"), "reports"));
	require(json_number_value(json_object_get(claims, "exp")) > (double)FORGE_NOW);
	require(!nbf || json_number_value(nbf) <= (double)FORGE_NOW);
	json_decref(header);
}

/* header, NUL, claims */
static void signed_token(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 2), *body, *token, *exact;
	json_t *claims;

	require(text);
	memcpy(text, data, size);
	text[size] = text[size + 1] = '\0';
	body = text + strlen(text) + 1;
	token = forge_jwt(text, body, "ES256", key);
	exact = exact_copy(token, strlen(token));
	claims = check(exact, strlen(token));
	if (claims)
		look_at(text, claims);
	json_decref(claims);
	free(exact);
	free(token);
	free(text);
}

static void jwk(const uint8_t *data, size_t size)
{
	json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL), *out;
	EVP_PKEY *one = NULL, *again = NULL;
	char kid[SPIFFE_KID_SIZE];
	const char *why = NULL;

	if (json && !spiffe_key_from_jwk(json, &one, &why)) {
		require(spiffe_key_kind(one) != SPIFFE_KEY_OTHER);
		out = spiffe_key_to_jwk(one);
		require(out && !spiffe_key_from_jwk(out, &again, &why));
		require(EVP_PKEY_eq(one, again) == 1 && !spiffe_key_kid(one, kid));
		json_decref(out);
	} else {
		require(!json || (why && !one));
	}
	EVP_PKEY_free(one);
	EVP_PKEY_free(again);
	json_decref(json);
}

static void private_key(const uint8_t *der, size_t size)
{
	EVP_PKEY *one = NULL, *again = NULL;
	const char *why = NULL;
	uint8_t *out;
	int n;

	if (spiffe_key_from_der(der, size, &one, &why)) {
		require(why && !one);
		return;
	}
	require(spiffe_key_kind(one) == SPIFFE_KEY_P256);
	n = spiffe_key_to_der(one, &out);
	require(n > 0 && !spiffe_key_from_der(out, (size_t)n, &again, &why));
	require(EVP_PKEY_eq(one, again) == 1);
	OPENSSL_clear_free(out, (size_t)n);
	EVP_PKEY_free(one);
	EVP_PKEY_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	unsigned what = (unsigned)take(&in, 1) % 6;
	void *exact = exact_copy(in.at, in.left), *other;
	size_t other_size = (size_t)key_size;

	switch (what) {
	case 0:
		require(!check(exact, in.left));
		break;
	case 1:
		changed_token(&in);
		break;
	case 2:
		signed_token(exact, in.left);
		break;
	case 3:
		jwk(exact, in.left);
		break;
	case 4:
		private_key(exact, in.left);
		break;
	default:
		other = changed(&in, key_der, &other_size);
		private_key(other, other_size);
		free(other);
		break;
	}
	free(exact);
	return 0;
}
