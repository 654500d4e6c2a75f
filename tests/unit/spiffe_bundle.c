// SPDX-License-Identifier: Apache-2.0
// SPIFFE_Trust_Domain_and_Bundle.md, section 4, with section 6 of X509-SVID.md and of JWT-SVID.md.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <cmocka.h>
#include "bundle.h"
#include "key.h"
#include "spiffe_forge.h"
#include "x509_rules.h"

static struct forged root, second;
static EVP_PKEY *p256, *rsa;
static struct spiffe_bundle bundle;
static const char *why;

static int setup(void **state)
{
	root = forge_ca(NULL, NULL);
	second = forge_ca(NULL, &(struct forge_rules){.subject = "Second"});
	p256 = forge_key("P-256");
	rsa = forge_key("RSA");
	return 0;
}

static int teardown(void **state)
{
	forged_free(&root);
	forged_free(&second);
	EVP_PKEY_free(p256);
	EVP_PKEY_free(rsa);
	return 0;
}

static int add_cert(struct spiffe_bundle *to, X509 *cert)
{
	uint8_t der[4096];

	X509_up_ref(cert);
	return spiffe_bundle_add_x509(to, der, forge_append(der, 0, sizeof(der), cert), &why);
}

/* ---- entries ---- */

static char *base64_of(X509 *cert)
{
	unsigned char *der = NULL;
	int size = i2d_X509(cert, &der);
	char *text = malloc((size_t)size * 2 + 8);

	assert_true(size > 0 && text);
	EVP_EncodeBlock((unsigned char *)text, der, size);
	OPENSSL_free(der);
	return text;
}

static json_t *x509_entry(X509 *cert)
{
	json_t *jwk = spiffe_key_to_jwk(X509_get0_pubkey(cert));
	char *text = base64_of(cert);

	assert_non_null(jwk);
	json_object_set_new(jwk, "use", json_string("x509-svid"));
	json_object_set_new(jwk, "x5c", json_pack("[s]", text));
	free(text);
	return jwk;
}

static json_t *jwt_entry(EVP_PKEY *key, const char *kid)
{
	json_t *jwk = spiffe_key_to_jwk(key);

	json_object_set_new(jwk, "use", json_string("jwt-svid"));
	json_object_set_new(jwk, "kid", json_string(kid));
	return jwk;
}

static int read_text(const char *text, size_t size)
{
	char *copy = malloc(size ? size : 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, text, size);
	why = NULL;
	rc = spiffe_bundle_read(&bundle, FORGE_DOMAIN, copy, size, &why);
	free(copy);
	assert_true(rc == 0 || (rc == -EINVAL && why));
	assert_string_equal(bundle.domain, FORGE_DOMAIN);
	if (rc)
		assert_true(!bundle.nr_x509 && !bundle.nr_jwt && !bundle.sequence);
	return rc;
}

// Takes set over.
static int read_set(json_t *set)
{
	char *text = json_dumps(set, 0);
	int rc = read_text(text, strlen(text));

	json_decref(set);
	free(text);
	return rc;
}

// Takes entry over: the only one.
static int read_entry(json_t *entry)
{
	return read_set(json_pack("{s:[o]}", "keys", entry));
}

static void taken(json_t *entry, size_t x509, size_t jwt)
{
	if (read_entry(entry))
		fail_msg("%s", why);
	assert_int_equal(bundle.nr_x509, x509);
	assert_int_equal(bundle.nr_jwt, jwt);
	assert_int_equal(bundle.ignored, 1 - x509 - jwt);
	spiffe_bundle_free(&bundle);
}

static void ignored(json_t *entry)
{
	taken(entry, 0, 0);
}

static json_t *with(json_t *entry, const char *member, json_t *value)
{
	json_object_set_new(entry, member, value);
	return entry;
}

static json_t *without(json_t *entry, const char *member)
{
	assert_int_equal(json_object_del(entry, member), 0);
	return entry;
}

static void x509_entries(void **state)
{
	char *first = base64_of(root.cert), *other = base64_of(second.cert);
	char spaced[8192];
	struct forged plain = forge_ca(NULL, &(struct forge_rules){.san = ""});
	struct forged leaf = {root.key, forge_leaf(root.key, NULL, NULL)};
	struct forged pathed =
		forge_ca(NULL, &(struct forge_rules){.san = "URI:spiffe://" FORGE_DOMAIN "/ca"});
	struct forged at_rsa = {rsa, forge_authority(rsa, NULL, NULL)};
	struct forged below = forge_ca(&root, &(struct forge_rules){.subject = "Below"});

	taken(x509_entry(root.cert), 1, 0);
	taken(x509_entry(plain.cert), 1, 0);
	taken(x509_entry(at_rsa.cert), 1, 0);
	taken(x509_entry(below.cert), 1, 0);
	taken(with(x509_entry(root.cert), "alg", json_string("ES256")), 1, 0);
	// It is the publisher who must not set it.
	taken(with(x509_entry(root.cert), "kid", json_string("a")), 1, 0);
	// All but the first of x5c is ignored.
	taken(with(x509_entry(root.cert), "x5c", json_pack("[s,s]", first, other)), 1, 0);
	taken(with(x509_entry(root.cert), "x5c", json_pack("[s,i]", first, 1)), 1, 0);
	ignored(with(x509_entry(root.cert), "x5c", json_pack("[s,s]", other, first)));
	ignored(without(x509_entry(root.cert), "x5c"));
	ignored(with(x509_entry(root.cert), "x5c", json_array()));
	ignored(with(x509_entry(root.cert), "x5c", json_string(first)));
	ignored(with(x509_entry(root.cert), "x5c", json_pack("[i]", 1)));
	ignored(with(x509_entry(root.cert), "x5c", json_pack("[s]", "")));
	ignored(with(x509_entry(root.cert), "x5c", json_pack("[s]", "AAAA")));
	snprintf(spaced, sizeof(spaced), "%.64s\n%s", first, first + 64);
	ignored(with(x509_entry(root.cert), "x5c", json_pack("[s]", spaced)));
	snprintf(spaced, sizeof(spaced), "%s%s", first, first);
	ignored(with(x509_entry(root.cert), "x5c", json_pack("[s]", spaced)));
	// The key that the entry says it is.
	ignored(with(x509_entry(root.cert), "x5c", json_pack("[s]", other)));
	ignored(without(x509_entry(root.cert), "x"));
	// No signing certificate.
	ignored(x509_entry(leaf.cert));
	ignored(x509_entry(pathed.cert));
	free(first);
	free(other);
	X509_free(leaf.cert);
	X509_free(at_rsa.cert);
	forged_free(&plain);
	forged_free(&pathed);
	forged_free(&below);
}

static void jwt_entries(void **state)
{
	char kid[SPIFFE_KID_MAX + 2];

	taken(jwt_entry(p256, "a"), 0, 1);
	taken(jwt_entry(rsa, "a"), 0, 1);
	taken(with(jwt_entry(p256, "a"), "alg", json_string("ES256")), 0, 1);
	ignored(without(jwt_entry(p256, "a"), "kid"));
	ignored(with(jwt_entry(p256, "a"), "kid", json_integer(1)));
	ignored(jwt_entry(p256, ""));
	memset(kid, 'k', sizeof(kid));
	kid[SPIFFE_KID_MAX + 1] = '\0';
	ignored(jwt_entry(p256, kid));
	kid[SPIFFE_KID_MAX] = '\0';
	taken(jwt_entry(p256, kid), 0, 1);
	ignored(without(jwt_entry(p256, "a"), "y"));
	ignored(with(jwt_entry(p256, "a"), "d", json_string("AQ")));
	ignored(with(jwt_entry(p256, "a"), "crv", json_string("P-257")));
}

// Section 4.2: kty and use.
static void unknown_entries(void **state)
{
	ignored(without(jwt_entry(p256, "a"), "use"));
	ignored(with(jwt_entry(p256, "a"), "use", json_string("sig")));
	ignored(with(jwt_entry(p256, "a"), "use", json_string("JWT-SVID")));
	ignored(with(jwt_entry(p256, "a"), "use", json_string("X509-SVID")));
	ignored(with(jwt_entry(p256, "a"), "use", json_string("wit-svid")));
	ignored(with(jwt_entry(p256, "a"), "use", json_pack("[s]", "jwt-svid")));
	ignored(without(jwt_entry(p256, "a"), "kty"));
	ignored(with(jwt_entry(p256, "a"), "kty", json_string("oct")));
	ignored(with(x509_entry(root.cert), "kty", json_string("OKP")));
	// A use is for its own entries: this one has no kid, that one no certificate.
	ignored(with(x509_entry(root.cert), "use", json_string("jwt-svid")));
	ignored(with(jwt_entry(p256, "a"), "use", json_string("x509-svid")));
	// What is of no use here does not keep the rest from being read.
	assert_int_equal(read_set(json_pack("{s:[{},o,{s:s},o,o,o]}", "keys", jwt_entry(p256, "a"),
					    "kty", "PQ", x509_entry(root.cert), jwt_entry(rsa, ""),
					    jwt_entry(rsa, "b"))),
			 0);
	assert_int_equal(bundle.nr_x509, 1);
	assert_int_equal(bundle.nr_jwt, 2);
	assert_int_equal(bundle.ignored, 3);
	spiffe_bundle_free(&bundle);
}

static void documents(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{"{\"keys\":[]}", true}, // all are revoked
		{"{\"keys\":[],\"spiffe_sequence\":0,\"spiffe_refresh_hint\":0}", true},
		{"{\"keys\":[],\"spiffe_sequence\":9223372036854775807}", true},
		{"{\"keys\":[],\"unknown\":{\"a\":[1.5,null]}}", true},
		{"{\"keys\":[{},{}]}", true},
		{"", false},
		{"{}", false},
		{"[]", false},
		{"null", false},
		{"{\"keys\":null}", false},
		{"{\"keys\":{}}", false},
		{"{\"keys\":[1]}", false},
		{"{\"keys\":[[]]}", false},
		{"{\"keys\":[null]}", false},
		{"{\"Keys\":[]}", false},
		{"{\"keys\":[]}{}", false},
		{"{\"keys\":[]", false},
		{"{\"keys\":[],\"keys\":[]}", false},
		{"{\"keys\":[{\"use\":\"a\",\"use\":\"a\"}]}", false},
		{"{\"keys\":[],\"spiffe_sequence\":1,\"spiffe_sequence\":2}", false},
		{"{\"keys\":[],\"spiffe_sequence\":-1}", false},
		{"{\"keys\":[],\"spiffe_sequence\":1.0}", false},
		{"{\"keys\":[],\"spiffe_sequence\":\"1\"}", false},
		{"{\"keys\":[],\"spiffe_sequence\":null}", false},
		{"{\"keys\":[],\"spiffe_sequence\":9223372036854775808}", false},
		{"{\"keys\":[],\"spiffe_refresh_hint\":-1}", false},
		{"{\"keys\":[],\"spiffe_refresh_hint\":\"300\"}", false},
		{"{\"keys\":[],\"spiffe_refresh_hint\":1e3}", false},
	};
	char *text = malloc(SPIFFE_BUNDLE_JSON_MAX + 1);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!read_text(cases[i].text, strlen(cases[i].text)) != cases[i].good)
			fail_msg("%s", cases[i].text);
		spiffe_bundle_free(&bundle);
	}
	assert_int_equal(read_set(json_pack("{s:[],s:i,s:i}", "keys", "spiffe_sequence", 7,
					    "spiffe_refresh_hint", 300)),
			 0);
	assert_int_equal(bundle.sequence, 7);
	assert_int_equal(bundle.refresh_hint, 300);
	spiffe_bundle_free(&bundle);
	// As long as can be, and longer.
	assert_non_null(text);
	memset(text, ' ', SPIFFE_BUNDLE_JSON_MAX + 1);
	memcpy(text, "{\"keys\":[]}", 11);
	assert_int_equal(read_text(text, SPIFFE_BUNDLE_JSON_MAX), 0);
	spiffe_bundle_free(&bundle);
	assert_int_equal(read_text(text, SPIFFE_BUNDLE_JSON_MAX + 1), -EINVAL);
	free(text);
	assert_int_equal(spiffe_bundle_read(&bundle, "Example.org", "{\"keys\":[]}", 11, &why),
			 -EINVAL);
	assert_int_equal(spiffe_bundle_read(&bundle, "", "{\"keys\":[]}", 11, &why), -EINVAL);
}

static void counts(void **state)
{
	json_t *keys = json_array(), *certs = json_array();
	char name[16];

	for (size_t i = 0; i <= SPIFFE_BUNDLE_JWT_MAX; i++) {
		EVP_PKEY *key = forge_key("P-256");
		struct forged ca;

		snprintf(name, sizeof(name), "%zu", i);
		ca = (struct forged){
			key, forge_authority(key, NULL, &(struct forge_rules){.subject = name})};
		assert_int_equal(read_set(json_pack("{s:O}", "keys", i % 2 ? keys : certs)), 0);
		assert_int_equal(bundle.nr_x509 + bundle.nr_jwt, i);
		spiffe_bundle_free(&bundle);
		json_array_append_new(keys, jwt_entry(key, name));
		json_array_append_new(certs, x509_entry(ca.cert));
		forged_free(&ca);
	}
	assert_int_equal(read_set(json_pack("{s:o}", "keys", keys)), -EINVAL);
	assert_non_null(strstr(why, "32 keys"));
	assert_int_equal(read_set(json_pack("{s:o}", "keys", certs)), -EINVAL);
	assert_non_null(strstr(why, "32 certificates"));
	// The same twice is once; one name for two keys is none.
	assert_int_equal(read_set(json_pack("{s:[o,o,o,o]}", "keys", jwt_entry(p256, "a"),
					    jwt_entry(p256, "a"), x509_entry(root.cert),
					    x509_entry(root.cert))),
			 0);
	assert_int_equal(bundle.nr_jwt, 1);
	assert_int_equal(bundle.nr_x509, 1);
	spiffe_bundle_free(&bundle);
	assert_int_equal(
		read_set(json_pack("{s:[o,o]}", "keys", jwt_entry(p256, "a"), jwt_entry(rsa, "a"))),
		-EINVAL);
}

/* ---- writing ---- */

static void fill(struct spiffe_bundle *to)
{
	assert_int_equal(spiffe_bundle_init(to, FORGE_DOMAIN, &why), 0);
	assert_int_equal(add_cert(to, root.cert), 0);
	assert_int_equal(add_cert(to, second.cert), 0);
	assert_int_equal(spiffe_bundle_add_jwt(to, "a", p256, 0, &why), 0);
	assert_int_equal(spiffe_bundle_add_jwt(to, "b", rsa, FORGE_NOW, &why), 0);
	to->refresh_hint = 300;
}

static void written(void **state)
{
	struct spiffe_bundle from;
	json_t *set, *entry;
	size_t i;
	char *text;

	fill(&from);
	text = spiffe_bundle_write(&from);
	assert_non_null(text);
	assert_int_equal(read_text(text, strlen(text)), 0);
	assert_int_equal(bundle.sequence, 4);
	assert_int_equal(bundle.refresh_hint, 300);
	assert_int_equal(bundle.ignored, 0);
	assert_int_equal(bundle.nr_x509, 2);
	assert_int_equal(bundle.nr_jwt, 2);
	for (i = 0; i < 2; i++) {
		assert_int_equal(X509_cmp(bundle.x509[i], from.x509[i]), 0);
		assert_int_equal(EVP_PKEY_eq(bundle.jwt[i].key, from.jwt[i].key), 1);
		assert_string_equal(bundle.jwt[i].kid, from.jwt[i].kid);
	}
	spiffe_bundle_free(&bundle);
	set = json_loads(text, 0, NULL);
	json_array_foreach(json_object_get(set, "keys"), i, entry)
	{
		bool x509 = i < 2;

		assert_string_equal(json_string_value(json_object_get(entry, "use")),
				    x509 ? "x509-svid" : "jwt-svid");
		assert_true(x509 == !json_object_get(entry, "kid"));
		assert_int_equal(json_array_size(json_object_get(entry, "x5c")), x509 ? 1 : 0);
		assert_null(json_object_get(entry, "d"));
	}
	json_decref(set);
	free(text);
	// Keys for JWTs alone, as any JWT library reads them.
	text = spiffe_bundle_write_jwt(&from);
	set = json_loads(text, 0, NULL);
	assert_int_equal(json_object_size(set), 1);
	assert_int_equal(json_array_size(json_object_get(set, "keys")), 2);
	json_array_foreach(json_object_get(set, "keys"), i, entry)
	{
		assert_string_equal(json_string_value(json_object_get(entry, "kid")),
				    from.jwt[i].kid);
		assert_null(json_object_get(entry, "use"));
		assert_null(json_object_get(entry, "x5c"));
	}
	json_decref(set);
	free(text);
	spiffe_bundle_free(&from);
}

static void der(void **state)
{
	struct spiffe_bundle from;
	const uint8_t *at;
	uint8_t *bytes;
	int size;

	assert_int_equal(spiffe_bundle_init(&from, FORGE_DOMAIN, &why), 0);
	assert_int_equal(spiffe_bundle_der(&from, &bytes), 0);
	assert_null(bytes);
	fill(&from);
	size = spiffe_bundle_der(&from, &bytes);
	at = bytes;
	for (size_t i = 0; i < 2; i++) {
		X509 *cert = spiffe_x509_read(&at, (size_t)(bytes + size - at), &why);

		assert_non_null(cert);
		assert_int_equal(X509_cmp(cert, from.x509[i]), 0);
		X509_free(cert);
	}
	assert_ptr_equal(at, bytes + size);
	OPENSSL_free(bytes);
	spiffe_bundle_free(&from);
}

/* ---- rotation ---- */

static void additions(void **state)
{
	struct forged leaf = {root.key, forge_leaf(root.key, NULL, NULL)};
	EVP_PKEY *weak = forge_key("RSA-1024"), *edwards = forge_key("ED25519");
	struct forged strange = {edwards, forge_authority(edwards, NULL, NULL)};
	// One extension twice (RFC 5280, section 4.2).
	struct forged doubled =
		forge_ca(NULL, &(struct forge_rules){.eku = "serverAuth",
						     .other = "extendedKeyUsage=clientAuth"});
	uint8_t bytes[8192];
	size_t size;

	fill(&bundle);
	assert_int_equal(bundle.sequence, 4);
	// The same once more changes nothing.
	assert_int_equal(add_cert(&bundle, root.cert), 0);
	assert_int_equal(spiffe_bundle_add_jwt(&bundle, "a", p256, 0, &why), 0);
	assert_int_equal(bundle.sequence, 4);
	assert_int_equal(bundle.nr_x509 + bundle.nr_jwt, 4);
	assert_int_equal(spiffe_bundle_add_jwt(&bundle, "a", rsa, 0, &why), -EEXIST);
	assert_int_equal(spiffe_bundle_add_jwt(&bundle, "", p256, 0, &why), -EINVAL);
	assert_int_equal(spiffe_bundle_add_jwt(&bundle, "c", weak, 0, &why), -EINVAL);
	assert_int_equal(spiffe_bundle_add_jwt(&bundle, "c", edwards, 0, &why), -EINVAL);
	assert_int_equal(add_cert(&bundle, leaf.cert), -EINVAL);
	assert_int_equal(add_cert(&bundle, strange.cert), -EINVAL);
	assert_int_equal(add_cert(&bundle, doubled.cert), -EINVAL);
	assert_non_null(strstr(why, "malformed"));
	assert_int_equal(spiffe_bundle_add_x509(&bundle, bytes, 0, &why), -EINVAL);
	X509_up_ref(second.cert);
	size = forge_append(bytes, 0, sizeof(bytes), second.cert);
	bytes[size] = 0;
	assert_int_equal(spiffe_bundle_add_x509(&bundle, bytes, size + 1, &why), -EINVAL);
	assert_int_equal(spiffe_bundle_add_x509(&bundle, bytes, size - 1, &why), -EINVAL);
	assert_int_equal(spiffe_bundle_add_x509(&bundle, bytes, size, &why), 0);
	assert_int_equal(bundle.sequence, 4);
	bundle.sequence = INT64_MAX;
	assert_int_equal(spiffe_bundle_add_jwt(&bundle, "c", p256, 0, &why), 0);
	assert_int_equal(bundle.sequence, INT64_MAX);
	spiffe_bundle_free(&bundle);
	X509_free(leaf.cert);
	forged_free(&strange);
	forged_free(&doubled);
	EVP_PKEY_free(weak);
}

static void expiry(void **state)
{
	struct forged late =
		forge_ca(NULL, &(struct forge_rules){.to = FORGE_NOW + 2 * FORGE_HOUR});

	fill(&bundle);
	assert_int_equal(add_cert(&bundle, late.cert), 0);
	assert_int_equal(spiffe_bundle_expire(&bundle, FORGE_NOW - 1), 0);
	assert_int_equal(bundle.sequence, 5);
	assert_int_equal(spiffe_bundle_expire(&bundle, FORGE_NOW), 1);
	assert_int_equal(bundle.sequence, 6);
	assert_int_equal(bundle.nr_jwt, 1);
	assert_string_equal(bundle.jwt[0].kid, "a");
	assert_int_equal(bundle.nr_x509, 3);
	assert_int_equal(spiffe_bundle_expire(&bundle, FORGE_NOW + FORGE_HOUR + 1), 2);
	assert_int_equal(bundle.sequence, 7);
	assert_int_equal(bundle.nr_x509, 1);
	assert_int_equal(X509_cmp(bundle.x509[0], late.cert), 0);
	// What was dropped can come back.
	assert_int_equal(spiffe_bundle_add_jwt(&bundle, "b", rsa, 0, &why), 0);
	assert_int_equal(bundle.nr_jwt, 2);
	// Of a key that says no time, none is over.
	assert_int_equal(spiffe_bundle_expire(&bundle, FORGE_NOW + 3 * FORGE_HOUR), 1);
	assert_int_equal(bundle.nr_jwt, 2);
	spiffe_bundle_free(&bundle);
	forged_free(&late);
}

static void found_by_domain(void **state)
{
	struct spiffe_bundle a, b;
	const struct spiffe_bundle *list[] = {&a, &b};
	const struct spiffe_bundles all = {list, 2}, none = {NULL, 0};
	struct spiffe_id id;

	assert_int_equal(spiffe_bundle_init(&a, "example.org", &why), 0);
	assert_int_equal(spiffe_bundle_init(&b, "b.example.org", &why), 0);
	assert_int_equal(spiffe_id_make(&id, "b.example.org", "/x", &why), 0);
	assert_ptr_equal(spiffe_bundle_of(&all, &id), &b);
	assert_null(spiffe_bundle_of(&none, &id));
	assert_int_equal(spiffe_id_make(&id, "c.example.org", "/x", &why), 0);
	assert_null(spiffe_bundle_of(&all, &id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(x509_entries),
		cmocka_unit_test(jwt_entries),
		cmocka_unit_test(unknown_entries),
		cmocka_unit_test(documents),
		cmocka_unit_test(counts),
		cmocka_unit_test(written),
		cmocka_unit_test(der),
		cmocka_unit_test(additions),
		cmocka_unit_test(expiry),
		cmocka_unit_test(found_by_domain),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
