// SPDX-License-Identifier: Apache-2.0
// JWT-SVID.md, rule by rule: tokens that are made, and those that are to be refused; and the keys.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "jws.h"
#include "jwt.h"
#include "key.h"
#include "spiffe_forge.h"
#include "../../verify/base64url.h"

#define WEB    "spiffe://" FORGE_DOMAIN "/web"
#define CLAIMS "{\"sub\":\"" WEB "\",\"aud\":\"reports\",\"exp\":1800000060}"

static EVP_PKEY *p256, *second, *p384, *p521, *rsa, *foreign;
static struct spiffe_bundle ours, theirs;
static const struct spiffe_bundle *const known[] = {&ours, &theirs};
static const struct spiffe_bundles both = {known, 2};
static struct spiffe_jwt_question question = {"reports", &both, FORGE_NOW, 0};
static struct spiffe_id id;
static json_t *claims;
static const char *why;

static int setup(void **state)
{
	assert_int_equal(spiffe_bundle_init(&ours, FORGE_DOMAIN, &why), 0);
	assert_int_equal(spiffe_bundle_init(&theirs, "other.org", &why), 0);
	p256 = forge_key("P-256");
	second = forge_key("P-256");
	p384 = forge_key("P-384");
	p521 = forge_key("P-521");
	rsa = forge_key("RSA");
	foreign = forge_key("P-256");
	assert_int_equal(spiffe_bundle_add_jwt(&ours, "p256", p256, 0, &why), 0);
	assert_int_equal(spiffe_bundle_add_jwt(&ours, "second", second, 0, &why), 0);
	assert_int_equal(spiffe_bundle_add_jwt(&ours, "p384", p384, 0, &why), 0);
	assert_int_equal(spiffe_bundle_add_jwt(&ours, "p521", p521, 0, &why), 0);
	assert_int_equal(spiffe_bundle_add_jwt(&ours, "rsa", rsa, 0, &why), 0);
	assert_int_equal(spiffe_bundle_add_jwt(&theirs, "foreign", foreign, 0, &why), 0);
	return 0;
}

static int teardown(void **state)
{
	EVP_PKEY *keys[] = {p256, second, p384, p521, rsa, foreign};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		EVP_PKEY_free(keys[i]);
	spiffe_bundle_free(&ours);
	spiffe_bundle_free(&theirs);
	return 0;
}

static int check_bytes(const char *token, size_t size)
{
	char *copy = malloc(size ? size : 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, token, size);
	why = NULL;
	claims = NULL;
	rc = spiffe_jwt_check(copy, size, &question, &id, &claims, &why);
	free(copy);
	assert_true(rc == 0 ? claims != NULL : rc == -EINVAL && why && !claims);
	json_decref(claims);
	return rc;
}

// Takes the token over.
static int check(char *token)
{
	int rc = check_bytes(token, strlen(token));

	free(token);
	return rc;
}

static int forged(const char *header, const char *body)
{
	return check(forge_jwt(header, body, "ES256", p256));
}

static int with_header(const char *header)
{
	return forged(header, CLAIMS);
}

static int with_claims(const char *body)
{
	return forged("{\"alg\":\"ES256\",\"kid\":\"p256\"}", body);
}

static void refused(int rc, const char *reason)
{
	if (!rc)
		fail_msg("it was taken, not refused with \"%s\"", reason);
	if (!strstr(why, reason))
		fail_msg("\"%s\", not \"%s\"", why, reason);
}

static void issued(void **state)
{
	static const char *const aud[] = {"reports", "spiffe://" FORGE_DOMAIN "/db"};
	struct spiffe_id web, domain;
	struct spiffe_jwt_grant grant = {&web, aud, 2, FORGE_NOW, 60};
	const struct spiffe_jwt_question to_db = {aud[1], &both, FORGE_NOW, 0};
	char *token, kid[SPIFFE_KID_MAX + 2];

	assert_int_equal(spiffe_id_make(&web, FORGE_DOMAIN, "/web", &why), 0);
	assert_int_equal(spiffe_id_make(&domain, FORGE_DOMAIN, "", &why), 0);
	token = spiffe_jwt_issue(p256, "p256", &grant, &why);
	assert_non_null(token);
	assert_int_equal(spiffe_jwt_check(token, strlen(token), &question, &id, &claims, &why), 0);
	assert_true(spiffe_id_equal(&id, &web));
	assert_int_equal(json_object_size(claims), 4);
	assert_string_equal(json_string_value(json_object_get(claims, "sub")), WEB);
	assert_int_equal(json_integer_value(json_object_get(claims, "exp")), FORGE_NOW + 60);
	assert_int_equal(json_integer_value(json_object_get(claims, "iat")), FORGE_NOW);
	assert_int_equal(json_array_size(json_object_get(claims, "aud")), 2);
	json_decref(claims);
	assert_int_equal(spiffe_jwt_check(token, strlen(token), &to_db, &id, &claims, &why), 0);
	json_decref(claims);
	free(token);
	// The other key of the same kind is another key, by whatever name.
	refused(check(spiffe_jwt_issue(second, "p256", &grant, &why)), "does not match");
	assert_int_equal(check(spiffe_jwt_issue(second, "second", &grant, &why)), 0);
	assert_null(spiffe_jwt_issue(p384, "p384", &grant, &why));
	assert_null(spiffe_jwt_issue(rsa, "rsa", &grant, &why));
	assert_null(spiffe_jwt_issue(p256, "", &grant, &why));
	memset(kid, 'k', sizeof(kid));
	kid[SPIFFE_KID_MAX + 1] = '\0';
	assert_null(spiffe_jwt_issue(p256, kid, &grant, &why));
	grant.nr_aud = 0;
	assert_null(spiffe_jwt_issue(p256, "p256", &grant, &why));
	grant = (struct spiffe_jwt_grant){&domain, aud, 2, FORGE_NOW, 60};
	assert_null(spiffe_jwt_issue(p256, "p256", &grant, &why));
	grant = (struct spiffe_jwt_grant){&web, (const char *const[]){""}, 1, FORGE_NOW, 60};
	assert_null(spiffe_jwt_issue(p256, "p256", &grant, &why));
	grant = (struct spiffe_jwt_grant){&web, (const char *const[]){"\xff"}, 1, FORGE_NOW, 60};
	assert_null(spiffe_jwt_issue(p256, "p256", &grant, &why));
	grant = (struct spiffe_jwt_grant){&web, aud, 2, FORGE_NOW, 0};
	assert_null(spiffe_jwt_issue(p256, "p256", &grant, &why));
}

static void too_long_to_issue(void **state)
{
	const char *aud[SPIFFE_AUD_MAX + 1];
	char name[300];
	struct spiffe_id web;
	struct spiffe_jwt_grant grant = {&web, aud, SPIFFE_AUD_MAX, FORGE_NOW, 60};

	assert_int_equal(spiffe_id_make(&web, FORGE_DOMAIN, "/web", &why), 0);
	for (size_t i = 0; i < SPIFFE_AUD_MAX + 1; i++)
		aud[i] = "reports";
	assert_int_equal(check(spiffe_jwt_issue(p256, "p256", &grant, &why)), 0);
	grant.nr_aud++;
	assert_null(spiffe_jwt_issue(p256, "p256", &grant, &why));
	grant.nr_aud--;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (size_t i = 0; i < SPIFFE_AUD_MAX; i++)
		aud[i] = name;
	assert_null(spiffe_jwt_issue(p256, "p256", &grant, &why));
	assert_non_null(strstr(why, "16 KiB"));
}

static void algorithms(void **state)
{
	const struct {
		const char *alg, *kid;
		EVP_PKEY *key;
	} good[] = {
		{"ES256", "p256", p256}, {"ES384", "p384", p384}, {"ES512", "p521", p521},
		{"RS256", "rsa", rsa},	 {"RS384", "rsa", rsa},	  {"RS512", "rsa", rsa},
		{"PS256", "rsa", rsa},	 {"PS384", "rsa", rsa},	  {"PS512", "rsa", rsa},
	};
	char header[128];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}", good[i].alg,
			 good[i].kid);
		if (check(forge_jwt(header, CLAIMS, good[i].alg, good[i].key)))
			fail_msg("%s: %s", good[i].alg, why);
		// Without a kid, any key that fits.
		snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", good[i].alg);
		assert_int_equal(check(forge_jwt(header, CLAIMS, good[i].alg, good[i].key)), 0);
		// The same signature under the name of another algorithm.
		for (size_t j = 0; j < sizeof(good) / sizeof(good[0]); j++) {
			if (i == j)
				continue;
			snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
				 good[j].alg, good[i].kid);
			if (!check(forge_jwt(header, CLAIMS, good[i].alg, good[i].key)))
				fail_msg("%s was taken as %s", good[i].alg, good[j].alg);
		}
	}
}

// RFC 7518, section 3.5: the salt is as long as the digest.
static void salts(void **state)
{
	assert_int_equal(check(forge_jwt("{\"alg\":\"PS256\"}", CLAIMS, "PS256", rsa)), 0);
	refused(check(forge_jwt("{\"alg\":\"PS256\"}", CLAIMS, "XS256", rsa)), "does not match");
}

// One kind of key for each: no signature of another kind is taken for it.
static void keys_of_other_kinds(void **state)
{
	refused(check(forge_jwt("{\"alg\":\"RS256\",\"kid\":\"p256\"}", CLAIMS, "DS256", p256)),
		"no key");
	refused(check(forge_jwt("{\"alg\":\"RS256\"}", CLAIMS, "DS256", p256)), "does not match");
	refused(check(forge_jwt("{\"alg\":\"ES256\",\"kid\":\"rsa\"}", CLAIMS, "RS256", rsa)),
		"no key");
	refused(check(forge_jwt("{\"alg\":\"ES256\",\"kid\":\"p384\"}", CLAIMS, "ES256", p384)),
		"no key");
}

static void no_algorithms(void **state)
{
	static const char *const bad[] = {
		"none",	  "None",  "NONE",   "HS256",	 "HS384", "es256",
		"ES256K", "EdDSA", "ES256 ", "RSA-OAEP", "",
	};
	char header[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"p256\"}", bad[i]);
		refused(with_header(header), "alg");
	}
	refused(check(forge_jwt("{\"alg\":\"none\"}", CLAIMS, "none", NULL)), "alg");
	refused(check(forge_jwt("{\"alg\":\"none\",\"kid\":\"p256\"}", CLAIMS, "none", NULL)),
		"alg");
	// The public key as a shared secret.
	refused(check(forge_jwt("{\"alg\":\"HS256\",\"kid\":\"rsa\"}", CLAIMS, "HS256", rsa)),
		"alg");
	refused(check(forge_jwt("{\"alg\":\"HS256\",\"kid\":\"p256\"}", CLAIMS, "HS256", p256)),
		"alg");
	refused(with_header("{\"kid\":\"p256\"}"), "alg");
	refused(with_header("{\"alg\":256,\"kid\":\"p256\"}"), "alg");
	refused(with_header("{\"alg\":null,\"kid\":\"p256\"}"), "alg");
	refused(with_header("{\"alg\":[\"ES256\"],\"kid\":\"p256\"}"), "alg");
}

static void headers(void **state)
{
	assert_int_equal(with_header("{\"alg\":\"ES256\",\"kid\":\"p256\",\"typ\":\"JWT\"}"), 0);
	assert_int_equal(with_header("{\"alg\":\"ES256\",\"kid\":\"p256\",\"typ\":\"JOSE\"}"), 0);
	assert_int_equal(with_header("{\"typ\":\"JWT\",\"alg\":\"ES256\"}"), 0);
	refused(with_header("{\"alg\":\"ES256\",\"typ\":\"jwt\"}"), "typ");
	refused(with_header("{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}"), "typ");
	refused(with_header("{\"alg\":\"ES256\",\"typ\":\"\"}"), "typ");
	refused(with_header("{\"alg\":\"ES256\",\"typ\":null}"), "typ");
	refused(with_header("{\"alg\":\"ES256\",\"kid\":null}"), "kid");
	refused(with_header("{\"alg\":\"ES256\",\"kid\":1}"), "kid");
	refused(with_header("{\"alg\":\"ES256\",\"kid\":\"third\"}"), "no key");
	refused(with_header("{\"alg\":\"ES256\",\"kid\":\"\"}"), "no key");
	refused(with_header("{\"alg\":\"ES256\",\"kid\":\"p256x\"}"), "no key");
	refused(with_header("{\"alg\":\"ES256\",\"kid\":\"second\"}"), "does not match");
	// Section 2: nothing else, whatever it says.
	refused(with_header("{\"alg\":\"ES256\",\"crit\":[\"exp\"]}"), "more than");
	refused(with_header("{\"alg\":\"ES256\",\"jku\":\"https://example.org/\"}"), "more than");
	refused(with_header("{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\"}}"), "more than");
	refused(with_header("{\"alg\":\"ES256\",\"x5c\":[]}"), "more than");
	refused(with_header("{\"alg\":\"ES256\",\"cty\":\"JWT\"}"), "more than");
	refused(with_header("{\"alg\":\"ES256\",\"b64\":false}"), "more than");
	refused(with_header("{\"alg\":\"ES256\",\"private\":null}"), "more than");
	refused(with_header("{\"alg\":\"ES256\",\"alg\":\"ES256\"}"), "twice");
	refused(with_header("{\"alg\":\"none\",\"\\u0061lg\":\"ES256\"}"), "twice");
	refused(with_header("[]"), "no JSON object");
	refused(with_header(""), "no JSON object");
	refused(with_header("{\"alg\":\"ES256\"}x"), "no JSON object");
}

// The key is that of sub's trust domain.
static void trust_domains(void **state)
{
	static const char their_claims[] =
		"{\"sub\":\"spiffe://other.org/web\",\"aud\":\"reports\",\"exp\":1800000060}";
	static const char third_claims[] =
		"{\"sub\":\"spiffe://third.org/web\",\"aud\":\"reports\",\"exp\":1800000060}";

	assert_int_equal(check(forge_jwt("{\"alg\":\"ES256\",\"kid\":\"foreign\"}", their_claims,
					 "ES256", foreign)),
			 0);
	assert_string_equal(id.text, "spiffe://other.org/web");
	refused(check(forge_jwt("{\"alg\":\"ES256\",\"kid\":\"foreign\"}", CLAIMS, "ES256",
				foreign)),
		"no key");
	refused(check(forge_jwt("{\"alg\":\"ES256\"}", CLAIMS, "ES256", foreign)),
		"does not match");
	refused(forged("{\"alg\":\"ES256\",\"kid\":\"p256\"}", their_claims), "no key");
	refused(forged("{\"alg\":\"ES256\"}", their_claims), "does not match");
	refused(forged("{\"alg\":\"ES256\"}", third_claims), "no bundle");
}

static void subjects(void **state)
{
	static const char *const bad[] = {
		"\"spiffe://" FORGE_DOMAIN "\"",
		"\"spiffe://" FORGE_DOMAIN "/\"",
		"\"spiffe://" FORGE_DOMAIN "/a/../b\"",
		"\"https://" FORGE_DOMAIN "/web\"",
		"\"web\"",
		"\"\"",
		"1",
		"null",
		"[\"" WEB "\"]",
		"\"" WEB "?x\"",
		"\"SPIFFE://" FORGE_DOMAIN "/web\"",
	};
	char body[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(body, sizeof(body), "{\"sub\":%s,\"aud\":\"reports\",\"exp\":1800000060}",
			 bad[i]);
		if (!with_claims(body))
			fail_msg("%s was taken", body);
	}
	refused(with_claims("{\"aud\":\"reports\",\"exp\":1800000060}"), "sub");
	refused(with_claims("{\"sub\":\"spiffe://" FORGE_DOMAIN "/db\",\"sub\":\"" WEB
			    "\",\"aud\":\"reports\",\"exp\":1800000060}"),
		"twice");
}

static void audiences(void **state)
{
	static const struct {
		const char *aud;
		bool good;
	} cases[] = {
		{"\"reports\"", true},
		{"[\"reports\"]", true},
		{"[\"x\",\"reports\"]", true},
		{"\"Reports\"", false},
		{"\"reports \"", false},
		{"\"reportsx\"", false},
		{"\"report\"", false},
		{"\"\"", false},
		{"[]", false},
		{"[\"x\"]", false},
		{"[[\"reports\"]]", false},
		{"[\"reports\",1]", false},
		{"[1,\"reports\"]", false},
		{"{\"reports\":\"reports\"}", false},
		{"null", false},
		{"true", false},
	};
	char body[1024];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(body, sizeof(body), "{\"sub\":\"" WEB "\",\"aud\":%s,\"exp\":1800000060}",
			 cases[i].aud);
		if (!with_claims(body) != cases[i].good)
			fail_msg("%s", body);
		if (!cases[i].good)
			assert_non_null(strstr(why, "aud"));
	}
	refused(with_claims("{\"sub\":\"" WEB "\",\"exp\":1800000060}"), "aud");
	// 64 of them, and 65.
	for (size_t count = SPIFFE_AUD_MAX; count <= SPIFFE_AUD_MAX + 1; count++) {
		strcpy(body, "{\"sub\":\"" WEB "\",\"exp\":1800000060,\"aud\":[\"reports\"");
		for (size_t i = 1; i < count; i++)
			strcat(body, ",\"x\"");
		strcat(body, "]}");
		assert_int_equal(with_claims(body), count > SPIFFE_AUD_MAX ? -EINVAL : 0);
	}
}

static int timed(const char *times)
{
	char body[256];

	snprintf(body, sizeof(body), "{\"sub\":\"" WEB "\",\"aud\":\"reports\"%s%s}",
		 *times ? "," : "", times);
	return with_claims(body);
}

static void times(void **state)
{
	assert_int_equal(timed("\"exp\":1800000001"), 0);
	refused(timed("\"exp\":1800000000"), "over");
	refused(timed("\"exp\":1799999999"), "over");
	refused(timed("\"exp\":0"), "over");
	refused(timed("\"exp\":-1"), "over");
	refused(timed(""), "no exp");
	refused(timed("\"exp\":\"1800000060\""), "no exp");
	refused(timed("\"exp\":null"), "no exp");
	refused(timed("\"exp\":[1800000060]"), "no exp");
	assert_int_equal(timed("\"exp\":1800000000.5"), 0);
	assert_int_equal(timed("\"exp\":1.9e9"), 0);
	assert_int_equal(timed("\"exp\":9223372036854775807"), 0);
	refused(timed("\"exp\":9223372036854775808"), "no JSON object");
	refused(timed("\"exp\":1e999"), "no JSON object");
	assert_int_equal(timed("\"exp\":1800000060,\"nbf\":1800000000"), 0);
	refused(timed("\"exp\":1800000060,\"nbf\":1800000001"), "not come");
	refused(timed("\"exp\":1800000060,\"nbf\":\"1\""), "nbf");
	refused(timed("\"exp\":1800000060,\"iat\":\"1\""), "iat");
	assert_int_equal(timed("\"exp\":1800000060,\"iat\":1800000000,\"jti\":\"a\",\"x\":{}"), 0);
	question.leeway = 10;
	assert_int_equal(timed("\"exp\":1799999991"), 0);
	refused(timed("\"exp\":1799999990"), "over");
	assert_int_equal(timed("\"exp\":1800000060,\"nbf\":1800000010"), 0);
	refused(timed("\"exp\":1800000060,\"nbf\":1800000011"), "not come");
	question.leeway = 0;
}

static void malformed_tokens(void **state)
{
	char *token = forge_jwt("{\"alg\":\"ES256\",\"kid\":\"p256\"}", CLAIMS, "ES256", p256);
	size_t size = strlen(token);
	char other[1024];

	assert_int_equal(check_bytes(token, size), 0);
	for (size_t i = 0; i < size; i++)
		if (!check_bytes(token, i))
			fail_msg("%zu of %zu bytes were taken", i, size);
	// Each character counts, with the bits that the last one has left over.
	for (size_t i = 0; i < size; i++) {
		char was = token[i];

		for (const char *c = "ABQgw-_.=+/ \n"; *c; c++) {
			token[i] = *c;
			if (*c != was && !check_bytes(token, size))
				fail_msg("'%c' instead of '%c' at %zu was taken", *c, was, i);
		}
		token[i] = '\0';
		assert_int_equal(check_bytes(token, size), -EINVAL);
		token[i] = was;
	}
	static const char *const around[][2] = {{"", "="},    {"", "=="},     {"", "."},  {".", ""},
						{" ", ""},    {"", " "},      {"", "\n"}, {"", "A"},
						{"", "AAAA"}, {"Bearer ", ""}};
	for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
		snprintf(other, sizeof(other), "%s%s%s", around[i][0], token, around[i][1]);
		if (!check_bytes(other, strlen(other)))
			fail_msg("\"%s\"token\"%s\" was taken", around[i][0], around[i][1]);
	}
	// No other serialization (section 5.1).
	snprintf(other, sizeof(other), "{\"payload\":\"\",\"signatures\":[]}");
	assert_int_equal(check_bytes(other, strlen(other)), -EINVAL);
	assert_int_equal(check_bytes("..", 2), -EINVAL);
	assert_int_equal(check_bytes("", 0), -EINVAL);
	free(token);
}

static void long_tokens(void **state)
{
	size_t size = 2 << 20;
	char *claims_text = malloc(size + 256), *token;

	assert_non_null(claims_text);
	// As long as can be, rightly signed, and much longer.
	for (size_t fill = 11900; fill <= size; fill += fill < 13000 ? 10 : size - fill) {
		size_t n = (size_t)sprintf(claims_text,
					   "{\"sub\":\"" WEB
					   "\",\"aud\":\"reports\",\"exp\":1800000060,\"x\":\"");

		memset(claims_text + n, 'x', fill);
		strcpy(claims_text + n + fill, "\"}");
		token = forge_jwt("{\"alg\":\"ES256\"}", claims_text, "ES256", p256);
		size_t length = strlen(token);

		assert_int_equal(check(token), length > SPIFFE_JWT_MAX ? -EINVAL : 0);
		if (length > SPIFFE_JWT_MAX)
			assert_non_null(strstr(why, "16 KiB"));
		if (fill == size)
			break;
	}
	free(claims_text);
}

static void signatures(void **state)
{
	static const uint8_t zeros[64];
	const char text[] = "header.claims";
	const struct spiffe_alg *es256 = spiffe_alg_find("ES256");
	uint8_t sig[65] = {0};

	assert_int_equal(spiffe_es256_sign(p256, text, strlen(text), sig), 0);
	assert_true(spiffe_jws_verify(es256, p256, text, strlen(text), sig, 64));
	assert_false(spiffe_jws_verify(es256, p256, text, strlen(text), sig, 63));
	assert_false(spiffe_jws_verify(es256, p256, text, strlen(text), sig, 65));
	assert_false(spiffe_jws_verify(es256, p256, text, strlen(text), sig, 0));
	assert_false(spiffe_jws_verify(es256, p256, text, strlen(text), zeros, 64));
	assert_false(spiffe_jws_verify(es256, p256, text, strlen(text) - 1, sig, 64));
	assert_false(spiffe_jws_verify(es256, second, text, strlen(text), sig, 64));
	for (size_t i = 0; i < 64 * 8; i++) {
		sig[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(spiffe_jws_verify(es256, p256, text, strlen(text), sig, 64));
		sig[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(spiffe_es256_sign(p384, text, strlen(text), sig), -EIO);
	assert_int_equal(spiffe_es256_sign(rsa, text, strlen(text), sig), -EIO);
}

/* ---- keys ---- */

static void private_keys(void **state)
{
	EVP_PKEY *key = spiffe_key_new(), *again = NULL;
	uint8_t *der, *other;
	int size = spiffe_key_to_der(key, &der);

	assert_int_equal(spiffe_key_kind(key), SPIFFE_KEY_P256);
	assert_true(size > 0 && size <= (int)SPIFFE_KEY_DER_MAX);
	assert_int_equal(spiffe_key_from_der(der, (size_t)size, &again, &why), 0);
	assert_int_equal(EVP_PKEY_eq(key, again), 1);
	assert_int_equal(spiffe_es256_sign(again, "", 0, (uint8_t[64]){0}), 0);
	EVP_PKEY_free(again);
	for (int i = 0; i < size; i++)
		assert_int_equal(spiffe_key_from_der(der, (size_t)i, &again, &why), -EINVAL);
	assert_int_equal(spiffe_key_from_der(der, (size_t)size + SPIFFE_KEY_DER_MAX, &again, &why),
			 -EINVAL);
	// The public half is the last of it.
	der[size - 1] ^= 1;
	assert_int_equal(spiffe_key_from_der(der, (size_t)size, &again, &why), -EINVAL);
	assert_null(again);
	OPENSSL_clear_free(der, (size_t)size);
	// Another key's private half.
	size = spiffe_key_to_der(key, &der);
	assert_int_equal(spiffe_key_to_der(p256, &other), size);
	memcpy(der + size - 64, other + size - 64, 64);
	assert_int_equal(spiffe_key_from_der(der, (size_t)size, &again, &why), -EINVAL);
	assert_non_null(strstr(why, "another key's"));
	OPENSSL_clear_free(der, (size_t)size);
	OPENSSL_clear_free(other, (size_t)size);
	size = spiffe_key_to_der(p384, &der);
	assert_int_equal(spiffe_key_from_der(der, (size_t)size, &again, &why), -EINVAL);
	assert_non_null(strstr(why, "P-256"));
	OPENSSL_clear_free(der, (size_t)size);
	EVP_PKEY_free(key);
}

static int read_jwk(const char *text, EVP_PKEY **key)
{
	json_t *jwk = json_loads(text, 0, NULL);
	int rc;

	assert_non_null(jwk);
	rc = spiffe_key_from_jwk(jwk, key, &why);
	json_decref(jwk);
	return rc;
}

static void public_keys(void **state)
{
	EVP_PKEY *keys[] = {p256, p384, p521, rsa}, *again, *weak = forge_key("RSA-1024");
	EVP_PKEY *edwards = forge_key("ED25519");
	char kid[SPIFFE_KID_SIZE], other[SPIFFE_KID_SIZE];

	for (size_t i = 0; i < 4; i++) {
		json_t *jwk = spiffe_key_to_jwk(keys[i]);

		assert_non_null(jwk);
		assert_null(json_object_get(jwk, "d"));
		assert_int_equal(spiffe_key_from_jwk(jwk, &again, &why), 0);
		assert_int_equal(EVP_PKEY_eq(keys[i], again), 1);
		assert_int_equal(spiffe_key_kid(keys[i], kid), 0);
		assert_int_equal(spiffe_key_kid(again, other), 0);
		assert_string_equal(kid, other);
		assert_int_equal(strlen(kid), 43);
		EVP_PKEY_free(again);
		assert_int_equal(json_object_set_new(jwk, "d", json_string("AQ")), 0);
		assert_int_equal(spiffe_key_from_jwk(jwk, &again, &why), -EINVAL);
		assert_null(again);
		json_decref(jwk);
	}
	assert_int_equal(spiffe_key_kid(p256, other), 0);
	assert_string_not_equal(kid, other);
	assert_null(spiffe_key_to_jwk(weak));
	assert_null(spiffe_key_to_jwk(edwards));
	EVP_PKEY_free(weak);
	EVP_PKEY_free(edwards);
}

// The examples of RFC 7517, appendix A.1, and RFC 7638, section 3.1.
#define EC_X "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"
#define EC_Y "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
#define RSA_N                                                                                      \
	"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"  \
	"BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-"          \
	"65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrd"  \
	"kt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqD"   \
	"Kgw"

static void known_keys(void **state)
{
	EVP_PKEY *key;
	char kid[SPIFFE_KID_SIZE];

	assert_int_equal(read_jwk("{\"kty\":\"RSA\",\"n\":\"" RSA_N
				  "\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}",
				  &key),
			 0);
	assert_int_equal(spiffe_key_kid(key, kid), 0);
	assert_string_equal(kid, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
	EVP_PKEY_free(key);
	assert_int_equal(read_jwk("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X
				  "\",\"y\":\"" EC_Y "\",\"use\":\"enc\",\"kid\":\"1\"}",
				  &key),
			 0);
	assert_int_equal(spiffe_key_kid(key, kid), 0);
	assert_string_equal(kid, "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
	EVP_PKEY_free(key);
}

static void bad_jwks(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"kty\":\"oct\",\"k\":\"AAAA\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" EC_X "\"}",
		"{\"kty\":\"ec\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
		"{\"kty\":1,\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
		"{\"kty\":\"EC\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
		"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
		// No point on the curve.
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_Y "\",\"y\":\"" EC_X "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":1}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "=\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "AA\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
		"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}",
		"{\"kty\":\"RSA\",\"e\":\"AQAB\"}",
		"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"}",
		"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"Ag\"}",
		"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"\"}",
		"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAAAAAAAAAB\"}",
		"{\"kty\":\"RSA\",\"n\":\"" EC_X "\",\"e\":\"AQAB\"}",
	};
	char text[4096] = "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"";
	EVP_PKEY *key;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		if (read_jwk(bad[i], &key) != -EINVAL || key || !why)
			fail_msg("%s", bad[i]);
	}
	// A modulus of 8192 bits, and of more.
	size_t start = strlen(text), full = CLV_BASE64URL_SIZE(1024) - 3;

	memset(text + start, '_', full);
	text[start + full - 1] = 'w'; // four bits of the last byte, and nothing left over
	strcpy(text + start + full, "\"}");
	if (read_jwk(text, &key))
		fail_msg("8192 bits: %s", why);
	EVP_PKEY_free(key);
	memset(text + start, '_', full + 2);
	strcpy(text + start + full + 2, "\"}");
	assert_int_equal(read_jwk(text, &key), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(issued),	cmocka_unit_test(too_long_to_issue),
		cmocka_unit_test(algorithms),	cmocka_unit_test(keys_of_other_kinds),
		cmocka_unit_test(salts),	cmocka_unit_test(no_algorithms),
		cmocka_unit_test(headers),	cmocka_unit_test(trust_domains),
		cmocka_unit_test(subjects),	cmocka_unit_test(audiences),
		cmocka_unit_test(times),	cmocka_unit_test(malformed_tokens),
		cmocka_unit_test(long_tokens),	cmocka_unit_test(signatures),
		cmocka_unit_test(private_keys), cmocka_unit_test(public_keys),
		cmocka_unit_test(known_keys),	cmocka_unit_test(bad_jwks),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
