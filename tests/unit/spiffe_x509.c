// SPDX-License-Identifier: Apache-2.0
// X509-SVID.md, rule by rule: what is issued, and which chains are believed.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/x509v3.h>
#include <cmocka.h>
#include "csr.h"
#include "key.h"
#include "spiffe_forge.h"
#include "x509_ca.h"
#include "x509_check.h"
#include "x509_rules.h"

#define WEB "spiffe://" FORGE_DOMAIN "/web"

static struct forged root, foreign;
static EVP_PKEY *leaf_key;
static struct spiffe_bundle ours, theirs;
static const struct spiffe_bundle *const known[] = {&ours, &theirs};
static const struct spiffe_bundles both = {known, 2}, only_ours = {known, 1}, none = {known, 0};
static uint8_t der[2 * SPIFFE_CHAIN_BYTES];
static size_t size;
static struct spiffe_id id;
static const char *why;

static void trust(struct spiffe_bundle *bundle, X509 *cert)
{
	uint8_t bytes[4096];

	X509_up_ref(cert);
	assert_int_equal(spiffe_bundle_add_x509(bundle, bytes,
						forge_append(bytes, 0, sizeof(bytes), cert), &why),
			 0);
}

static int setup(void **state)
{
	const struct forge_rules other = {.subject = "Foreign", .san = "URI:spiffe://other.org"};

	root = forge_ca(NULL, NULL);
	foreign = forge_ca(NULL, &other);
	leaf_key = forge_key("P-256");
	assert_int_equal(spiffe_bundle_init(&ours, FORGE_DOMAIN, &why), 0);
	assert_int_equal(spiffe_bundle_init(&theirs, "other.org", &why), 0);
	trust(&ours, root.cert);
	trust(&theirs, foreign.cert);
	return 0;
}

static int teardown(void **state)
{
	forged_free(&root);
	forged_free(&foreign);
	EVP_PKEY_free(leaf_key);
	spiffe_bundle_free(&ours);
	spiffe_bundle_free(&theirs);
	return 0;
}

static void start(X509 *leaf)
{
	size = forge_append(der, 0, sizeof(der), leaf);
}

static void then(X509 *cert)
{
	X509_up_ref(cert);
	size = forge_append(der, size, sizeof(der), cert);
}

static int check_at(time_t now, const struct spiffe_bundles *bundles)
{
	uint8_t *copy = malloc(size ? size : 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, der, size);
	why = NULL;
	rc = spiffe_x509_check(copy, size, bundles, now, &id, &why);
	free(copy);
	assert_true(rc == 0 || (rc == -EINVAL && why));
	return rc;
}

static int check(void)
{
	return check_at(FORGE_NOW, &both);
}

static void refused(const char *reason)
{
	if (!check())
		fail_msg("it was taken, not refused with \"%s\"", reason);
	if (!strstr(why, reason))
		fail_msg("\"%s\", not \"%s\"", why, reason);
}

/* ---- checking ---- */

static void good_leaves(void **state)
{
	static const struct forge_rules good[] = {
		{.subject = NULL},
		{.subject = "web"},
		// Not critical, where there is a subject.
		{.subject = "web", .san = "URI:" WEB},
		{.san = "critical,DNS:web.example.org,URI:" WEB ",DNS:web,IP:10.0.0.1"},
		{.constraints = ""}, // cA is false if it is not there
		{.eku = ""},
		{.eku = "critical,serverAuth,clientAuth,codeSigning"},
		{.usage = "critical,digitalSignature,keyEncipherment,keyAgreement"},
		{.digest = "SHA384"},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		start(forge_leaf(leaf_key, &root, &good[i]));
		if (check())
			fail_msg("leaf %zu: %s", i, why);
		assert_string_equal(id.text, WEB);
	}
}

static void bad_leaves(void **state)
{
	static const struct {
		struct forge_rules rules;
		const char *why;
	} bad[] = {
		// Section 2: exactly one URI SAN.
		{{.san = "critical,URI:" WEB ",URI:spiffe://" FORGE_DOMAIN "/db"}, "more than one"},
		{{.san = "critical,URI:" WEB ",URI:https://example.org/"}, "more than one"},
		{{.san = "critical,URI:https://example.org/,URI:" WEB}, "spiffe://"},
		{{.san = "critical,URI:" WEB ",URI:" WEB}, "more than one"},
		{{.san = ""}, "no URI"},
		{{.san = "critical,DNS:web.example.org"}, "no URI"},
		// Section 5.2: the scheme, and a path.
		{{.san = "critical,URI:https://example.org/web"}, "spiffe://"},
		{{.san = "critical,URI:spiffe://" FORGE_DOMAIN}, "has no path"},
		{{.san = "critical,URI:spiffe://" FORGE_DOMAIN "/"}, "ends with a slash"},
		{{.san = "critical,URI:spiffe://Example.org/web"}, "trust domain's name"},
		{{.san = "critical,URI:spiffe://" FORGE_DOMAIN "/a/../b"}, "'..'"},
		// Section 3.1, RFC 5280, section 4.1.2.6.
		{{.san = "URI:" WEB}, "not critical"},
		// Section 4.1.
		{{.constraints = "critical,CA:TRUE"}, "a CA's certificate"},
		// Section 4.3.
		{{.usage = "critical,digitalSignature,keyCertSign"}, "may sign"},
		{{.usage = "critical,digitalSignature,cRLSign"}, "may sign"},
		{{.usage = "critical,keyAgreement"}, "not digitalSignature"},
		{{.usage = "digitalSignature"}, "marked critical"},
		{{.usage = ""}, "marked critical"},
		// Section 4.4.
		{{.eku = "serverAuth"}, "extended key usage"},
		{{.eku = "clientAuth"}, "extended key usage"},
		{{.eku = "codeSigning"}, "extended key usage"},
		// RFC 5280.
		{{.version_1 = true}, "version 3"},
		{{.damage = true}, "signature"},
		{{.other = "1.2.3.4=critical,ASN1:NULL"}, "critical extension"},
		{{.digest = "SHA1"}, "too weak"},
		{{.from = FORGE_NOW - 2, .to = FORGE_NOW - 1}, "expired"},
		{{.from = FORGE_NOW + 1, .to = FORGE_NOW + 2}, "not yet valid"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start(forge_leaf(leaf_key, &root, &bad[i].rules));
		refused(bad[i].why);
	}
}

static void two_extensions_of_names(void **state)
{
	X509 *cert = forge_leaf(leaf_key, &root, NULL);
	X509_EXTENSION *again = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
						    "critical,URI:spiffe://" FORGE_DOMAIN "/db");

	assert_true(again && X509_add_ext(cert, again, -1) == 1);
	assert_true(X509_sign(cert, root.key, EVP_sha256()) > 0);
	X509_EXTENSION_free(again);
	start(cert);
	assert_int_equal(check(), -EINVAL);
}

static void a_nul_ends_no_name(void **state)
{
	static const char name[] = WEB "\0.evil.org";
	X509 *cert = forge_leaf(leaf_key, &root, &(struct forge_rules){.san = ""});
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *uri = GENERAL_NAME_new();
	ASN1_IA5STRING *value = ASN1_IA5STRING_new();

	assert_true(names && uri && ASN1_STRING_set(value, name, sizeof(name) - 1) == 1);
	GENERAL_NAME_set0_value(uri, GEN_URI, value);
	assert_true(sk_GENERAL_NAME_push(names, uri) > 0);
	assert_int_equal(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 1, 0), 1);
	assert_true(X509_sign(cert, root.key, EVP_sha256()) > 0);
	GENERAL_NAMES_free(names);
	start(cert);
	refused("none of a-z");
}

static void who_signed(void **state)
{
	const struct forge_rules at_other = {.san = "critical,URI:spiffe://other.org/web"};
	const struct forge_rules nowhere = {.san = "critical,URI:spiffe://third.org/web"};
	struct forged self = {leaf_key, forge_leaf(leaf_key, NULL, NULL)};

	start(forge_leaf(leaf_key, &foreign, &at_other));
	assert_int_equal(check(), 0);
	assert_string_equal(id.text, "spiffe://other.org/web");
	// An authority speaks for its own trust domain alone.
	assert_int_equal(check_at(FORGE_NOW, &only_ours), -EINVAL);
	assert_non_null(strstr(why, "no bundle"));
	start(forge_leaf(leaf_key, &root, &at_other));
	refused("issuer");
	start(forge_leaf(leaf_key, &foreign, NULL));
	refused("issuer");
	start(forge_leaf(leaf_key, &root, &nowhere));
	refused("no bundle");
	start(forge_leaf(leaf_key, &root, NULL));
	assert_int_equal(check_at(FORGE_NOW, &none), -EINVAL);
	assert_int_equal(check_at(FORGE_NOW, &only_ours), 0);
	start(forge_leaf(leaf_key, NULL, NULL));
	assert_int_equal(check(), -EINVAL);
	// A leaf, with which somebody signs another.
	start(forge_leaf(leaf_key, &self, NULL));
	then(self.cert);
	assert_int_equal(check(), -EINVAL);
	X509_free(self.cert);
	// An authority's own certificate authenticates nobody.
	size = 0;
	then(root.cert);
	refused("CA's certificate");
}

static void times(void **state)
{
	const struct forge_rules old = {
		.from = FORGE_NOW - 9, .to = FORGE_NOW - 1, .subject = "Old"};
	struct forged ca = forge_ca(&root, &old);

	start(forge_leaf(leaf_key, &root, NULL));
	assert_int_equal(check_at(FORGE_NOW - FORGE_HOUR, &both), 0);
	assert_int_equal(check_at(FORGE_NOW - FORGE_HOUR - 1, &both), -EINVAL);
	assert_int_equal(check_at(FORGE_NOW + FORGE_HOUR - 1, &both), 0);
	assert_int_equal(check_at(FORGE_NOW + FORGE_HOUR + 1, &both), -EINVAL);
	// An intermediate's time counts too.
	start(forge_leaf(leaf_key, &ca, NULL));
	then(ca.cert);
	refused("expired");
	assert_int_equal(check_at(FORGE_NOW - 5, &both), 0);
	forged_free(&ca);
}

static void good_intermediates(void **state)
{
	static const struct forge_rules good[] = {
		{.subject = "Between"},
		{.subject = "Between", .san = ""},
		{.subject = "Between", .san = "", .usage = "keyCertSign"},
		{.subject = "Between", .san = "DNS:ca.example.org"},
		{.subject = "Between", .constraints = "critical,CA:TRUE,pathlen:0"},
		{.subject = "Between", .usage = "critical,keyCertSign,digitalSignature"},
		{.subject = "Between", .eku = "serverAuth,clientAuth"},
		{.subject = "Between",
		 .other = "nameConstraints=critical,permitted;URI:example.org"},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct forged ca = forge_ca(&root, &good[i]);

		start(forge_leaf(leaf_key, &ca, NULL));
		assert_int_equal(check(), -EINVAL);
		then(ca.cert);
		if (check())
			fail_msg("intermediate %zu: %s", i, why);
		// What is not needed for the path is not looked at.
		then(foreign.cert);
		assert_int_equal(check(), 0);
		forged_free(&ca);
	}
}

static void bad_intermediates(void **state)
{
	static const struct {
		struct forge_rules rules;
		const char *why;
	} bad[] = {
		{{.subject = "B", .constraints = "critical,CA:FALSE"}, "invalid CA"},
		{{.subject = "B", .constraints = ""}, "invalid CA"},
		{{.subject = "B", .usage = "critical,digitalSignature"}, "invalid CA"},
		{{.subject = "B", .usage = "critical,cRLSign"}, "invalid CA"},
		{{.subject = "B", .usage = ""}, "keyCertSign"},
		{{.subject = "B", .usage = "keyCertSign"}, "marked critical"},
		{{.subject = "B", .san = "URI:" WEB}, "has a path"},
		{{.subject = "B", .san = "URI:spiffe://" FORGE_DOMAIN "/"}, "slash"},
		{{.subject = "B", .san = "URI:spiffe://a,URI:spiffe://b"}, "more than one"},
		{{.subject = "B", .san = "URI:https://example.org"}, "spiffe://"},
		{{.subject = "B", .san = "URI:spiffe://other.org"}, "another trust domain's"},
		{{.subject = "B", .damage = true}, "signature"},
		{{.subject = "B", .from = FORGE_NOW + 1, .to = FORGE_NOW + 9}, "not yet valid"},
		{{.subject = "B", .other = "nameConstraints=critical,permitted;URI:other.org"},
		 "permitted subtree"},
		{{.subject = "B", .other = "nameConstraints=critical,excluded;URI:example.org"},
		 "excluded subtree"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct forged ca = forge_ca(&root, &bad[i].rules);

		start(forge_leaf(leaf_key, &ca, NULL));
		then(ca.cert);
		assert_int_equal(check(), -EINVAL);
		if (!strstr(why, bad[i].why))
			fail_msg("intermediate %zu: \"%s\"", i, why);
		forged_free(&ca);
	}
}

// A foreign authority that ours has signed speaks for itself, through whatever it calls the next.
static void chained_trust_domains(void **state)
{
	const struct forge_rules other = {.subject = "Bridge", .san = "URI:spiffe://other.org"};
	const struct forge_rules named_ours = {.subject = "Liar"};
	const struct forge_rules at_other = {.san = "critical,URI:spiffe://other.org/web"};
	struct forged bridge = forge_ca(&root, &other), liar = forge_ca(&bridge, &named_ours);
	struct spiffe_bundle chained;
	const struct spiffe_bundle *list[] = {&ours, &chained};
	const struct spiffe_bundles bundles = {list, 2};

	start(forge_leaf(leaf_key, &bridge, NULL));
	then(bridge.cert);
	refused("another trust domain's");
	start(forge_leaf(leaf_key, &liar, NULL));
	then(liar.cert);
	then(bridge.cert);
	refused("another trust domain's");
	// The other domain may have our root as its anchor (SPIFFE-ID.md, section 3.1).
	assert_int_equal(spiffe_bundle_init(&chained, "other.org", &why), 0);
	trust(&chained, root.cert);
	start(forge_leaf(leaf_key, &bridge, &at_other));
	then(bridge.cert);
	assert_int_equal(check_at(FORGE_NOW, &bundles), 0);
	spiffe_bundle_free(&chained);
	// Or the bridge itself, which is not self-signed.
	assert_int_equal(spiffe_bundle_init(&chained, "other.org", &why), 0);
	trust(&chained, bridge.cert);
	start(forge_leaf(leaf_key, &bridge, &at_other));
	assert_int_equal(check_at(FORGE_NOW, &bundles), 0);
	spiffe_bundle_free(&chained);
	forged_free(&bridge);
	forged_free(&liar);
}

static void path_lengths(void **state)
{
	const struct forge_rules no_more = {.subject = "One",
					    .constraints = "critical,CA:TRUE,pathlen:0"};
	const struct forge_rules two = {.subject = "Two"};
	struct forged one = forge_ca(&root, &no_more), below = forge_ca(&one, &two);
	struct forged ca[SPIFFE_CHAIN_MAX];

	start(forge_leaf(leaf_key, &below, NULL));
	then(below.cert);
	then(one.cert);
	refused("path length");
	forged_free(&one);
	forged_free(&below);
	for (size_t i = 0; i < SPIFFE_CHAIN_MAX; i++) {
		char name[16];
		const struct forge_rules named = {.subject = name};

		snprintf(name, sizeof(name), "CA %zu", i);
		ca[i] = forge_ca(i ? &ca[i - 1] : &root, &named);
	}
	start(forge_leaf(leaf_key, &ca[SPIFFE_CHAIN_MAX - 2], NULL));
	for (size_t i = SPIFFE_CHAIN_MAX - 1; i--;)
		then(ca[i].cert);
	assert_int_equal(check(), 0);
	start(forge_leaf(leaf_key, &ca[SPIFFE_CHAIN_MAX - 1], NULL));
	for (size_t i = SPIFFE_CHAIN_MAX; i--;)
		then(ca[i].cert);
	refused("longer than 8");
	for (size_t i = 0; i < SPIFFE_CHAIN_MAX; i++)
		forged_free(&ca[i]);
}

static void other_keys(void **state)
{
	static const struct {
		const char *kind;
		bool good;
	} kinds[] = {{"P-384", true},
		     {"P-521", true},
		     {"RSA", true},
		     {"ED25519", true},
		     {"RSA-1024", false}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		EVP_PKEY *key = forge_key(kinds[i].kind);

		start(forge_leaf(key, &root, NULL));
		assert_int_equal(check(), kinds[i].good ? 0 : -EINVAL);
		EVP_PKEY_free(key);
	}
}

static void malformed_chains(void **state)
{
	start(forge_leaf(leaf_key, &root, NULL));
	assert_int_equal(check(), 0);
	for (size_t whole = size--; size; size--)
		if (!check())
			fail_msg("%zu of %zu bytes were taken", size, whole);
	refused("size");
	start(forge_leaf(leaf_key, &root, NULL));
	der[size++] = 0;
	refused("DER");
	memset(der, 0x30, sizeof(der));
	size = SPIFFE_CHAIN_BYTES + 1;
	refused("size");
	size = SPIFFE_CHAIN_BYTES;
	refused("DER");
}

/* ---- issuing ---- */

static struct spiffe_ca ca;
static const struct spiffe_validity year = {FORGE_NOW, 60, 365 * 86400};

static void open_ca(void)
{
	EVP_PKEY *key = spiffe_key_new();
	uint8_t *bytes;
	int n = spiffe_ca_self(FORGE_DOMAIN, key, &year, &bytes, &why);

	assert_true(n > 0);
	assert_int_equal(spiffe_ca_open(&ca, key, bytes, (size_t)n, &why), 0);
	EVP_PKEY_free(key);
	OPENSSL_free(bytes);
}

static bool critical(X509 *cert, int nid)
{
	int at = X509_get_ext_by_NID(cert, nid, -1);

	assert_true(at >= 0);
	return X509_EXTENSION_get_critical(X509_get_ext(cert, at));
}

static time_t seconds(const ASN1_TIME *time)
{
	struct tm tm;

	assert_int_equal(ASN1_TIME_to_tm(time, &tm), 1);
	return timegm(&tm);
}

static void authority(void **state)
{
	EVP_PKEY *key = spiffe_key_new(), *rsa = forge_key("RSA"), *p384 = forge_key("P-384");
	uint8_t *bytes, *again;
	struct spiffe_ca other;
	const struct spiffe_validity never = {FORGE_NOW, 60, 0};
	int n = spiffe_ca_self(FORGE_DOMAIN, key, &year, &bytes, &why), m;

	assert_true(n > 0);
	assert_int_equal(spiffe_ca_open(&ca, key, bytes, (size_t)n, &why), 0);
	assert_string_equal(ca.domain, FORGE_DOMAIN);
	assert_int_equal(ca.not_before, FORGE_NOW - 60);
	assert_int_equal(ca.not_after, FORGE_NOW + 365 * 86400);
	assert_int_equal(X509_get_key_usage(ca.cert), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	assert_true(critical(ca.cert, NID_key_usage) && critical(ca.cert, NID_basic_constraints));
	assert_int_equal(X509_check_ca(ca.cert), 1);
	assert_int_equal(X509_get_pathlen(ca.cert), 0);
	assert_int_equal(X509_self_signed(ca.cert, 1), 1);
	assert_non_null(X509_get0_subject_key_id(ca.cert));
	assert_int_equal(spiffe_x509_signing(ca.cert, &id, &why), 0);
	assert_string_equal(id.text, "spiffe://" FORGE_DOMAIN);
	// Two are never called the same.
	m = spiffe_ca_self(FORGE_DOMAIN, key, &year, &again, &why);
	assert_int_equal(spiffe_ca_open(&other, key, again, (size_t)m, &why), 0);
	assert_int_not_equal(
		X509_NAME_cmp(X509_get_subject_name(ca.cert), X509_get_subject_name(other.cert)),
		0);
	spiffe_ca_close(&other);
	OPENSSL_free(again);
	spiffe_ca_close(&ca);
	assert_int_equal(spiffe_ca_open(&ca, leaf_key, bytes, (size_t)n, &why), -EINVAL);
	assert_int_equal(spiffe_ca_open(&ca, key, bytes, (size_t)n - 1, &why), -EINVAL);
	assert_int_equal(spiffe_ca_open(&ca, key, bytes, 0, &why), -EINVAL);
	memcpy(der, bytes, (size_t)n);
	der[n] = 0;
	assert_int_equal(spiffe_ca_open(&ca, key, der, (size_t)n + 1, &why), -EINVAL);
	OPENSSL_free(bytes);
	assert_int_equal(spiffe_ca_self("Example.org", key, &year, &bytes, &why), -EINVAL);
	assert_int_equal(spiffe_ca_self("a/b", key, &year, &bytes, &why), -EINVAL);
	assert_int_equal(spiffe_ca_self(FORGE_DOMAIN, rsa, &year, &bytes, &why), -EINVAL);
	assert_int_equal(spiffe_ca_self(FORGE_DOMAIN, p384, &year, &bytes, &why), -EINVAL);
	assert_int_equal(spiffe_ca_self(FORGE_DOMAIN, key, &never, &bytes, &why), -EINVAL);
	EVP_PKEY_free(key);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(p384);
}

// Authorities that somebody else has made.
static void opened_authorities(void **state)
{
	static const struct {
		struct forge_rules rules;
		bool good;
	} cases[] = {
		{{.other = "subjectKeyIdentifier=00112233"}, true},
		{{.subject = NULL}, false}, // no key identifier
		{{.other = "subjectKeyIdentifier=00112233", .san = ""}, false},
		{{.other = "subjectKeyIdentifier=00112233", .san = "URI:" WEB}, false},
		{{.other = "subjectKeyIdentifier=00112233", .constraints = ""}, false},
		{{.other = "subjectKeyIdentifier=00112233", .usage = "critical,cRLSign"}, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size = forge_append(der, 0, sizeof(der),
				    forge_authority(root.key, NULL, &cases[i].rules));
		if (spiffe_ca_open(&ca, root.key, der, size, &why) != (cases[i].good ? 0 : -EINVAL))
			fail_msg("authority %zu", i);
		if (cases[i].good)
			spiffe_ca_close(&ca);
	}
}

static struct spiffe_csr csr;

static void ask(EVP_PKEY *key, const char *san)
{
	size = forge_csr(key, san, "SHA256", der, sizeof(der));
	assert_int_equal(spiffe_csr_read(&csr, der, size, &why), 0);
}

// Issues, and checks against a bundle of ca. The leaf, or NULL.
static X509 *issue_with(const struct spiffe_grant *grant, struct spiffe_svid *svid)
{
	struct spiffe_bundle bundle;
	const struct spiffe_bundle *list = &bundle;
	const struct spiffe_bundles bundles = {&list, 1};
	const uint8_t *at;
	X509 *cert;
	int rc = spiffe_ca_issue(&ca, &csr, grant, svid, &why);

	if (rc) {
		assert_int_equal(rc, -EINVAL);
		assert_null(svid->der);
		return NULL;
	}
	assert_int_equal(spiffe_bundle_init(&bundle, FORGE_DOMAIN, &why), 0);
	trust(&bundle, ca.cert);
	if (spiffe_x509_check(svid->der, svid->size, &bundles, FORGE_NOW, &id, &why))
		fail_msg("what was issued is refused: %s", why);
	assert_true(spiffe_id_equal(&id, grant->id));
	spiffe_bundle_free(&bundle);
	at = svid->der;
	cert = spiffe_x509_read(&at, svid->size, &why);
	assert_ptr_equal(at, svid->der + svid->size);
	OPENSSL_free(svid->der);
	return cert;
}

static void leaves(void **state)
{
	static const char *const permitted[] = {"web.example.org", "db.example.org"};
	struct spiffe_id web;
	const struct spiffe_grant grant = {
		.id = &web, .dns = permitted, .nr_dns = 2, .validity = {FORGE_NOW, 30, 300}};
	struct spiffe_svid svid;
	GENERAL_NAMES *names;
	X509 *cert;

	open_ca();
	assert_int_equal(spiffe_id_make(&web, FORGE_DOMAIN, "/web", &why), 0);
	// All that the request wants besides its key is what is permitted, and asked for.
	ask(leaf_key, "URI:spiffe://other.org/admin,DNS:web.example.org,DNS:evil.example.org,"
		      "DNS:DB.example.org,email:web.example.org,IP:10.0.0.1");
	cert = issue_with(&grant, &svid);
	assert_non_null(cert);
	names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	assert_int_equal(sk_GENERAL_NAME_num(names), 2);
	assert_string_equal(ASN1_STRING_get0_data(sk_GENERAL_NAME_value(names, 1)->d.dNSName),
			    "web.example.org");
	assert_int_equal(sk_GENERAL_NAME_value(names, 1)->type, GEN_DNS);
	GENERAL_NAMES_free(names);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(cert), leaf_key), 1);
	assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(cert)), 0);
	assert_int_equal(X509_get_version(cert), X509_VERSION_3);
	assert_true(critical(cert, NID_subject_alt_name) && critical(cert, NID_key_usage));
	assert_int_equal(X509_get_key_usage(cert), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_get_extended_key_usage(cert), XKU_SSL_SERVER | XKU_SSL_CLIENT);
	assert_int_equal(X509_check_ca(cert), 0);
	assert_true(critical(cert, NID_basic_constraints));
	assert_non_null(X509_get0_subject_key_id(cert));
	assert_int_equal(ASN1_STRING_cmp(X509_get0_authority_key_id(cert),
					 X509_get0_subject_key_id(ca.cert)),
			 0);
	assert_int_equal(seconds(X509_get0_notBefore(cert)), FORGE_NOW - 30);
	assert_int_equal(seconds(X509_get0_notAfter(cert)), FORGE_NOW + 300);
	assert_int_equal(svid.not_before, FORGE_NOW - 30);
	assert_int_equal(svid.not_after, FORGE_NOW + 300);
	X509_free(cert);
	// Nothing is put in that was not asked for, as what it is.
	spiffe_csr_free(&csr);
	ask(leaf_key, "email:web.example.org");
	cert = issue_with(&grant, &svid);
	names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	assert_int_equal(sk_GENERAL_NAME_num(names), 1);
	GENERAL_NAMES_free(names);
	X509_free(cert);
	spiffe_csr_free(&csr);
	spiffe_ca_close(&ca);
}

static void serials_are_random(void **state)
{
	uint8_t all[64][SPIFFE_SERIAL_SIZE], ones[SPIFFE_SERIAL_SIZE] = {0};
	struct spiffe_id web;
	const struct spiffe_grant grant = {.id = &web, .validity = {FORGE_NOW, 30, 300}};
	struct spiffe_svid svid;

	open_ca();
	ask(leaf_key, NULL);
	assert_int_equal(spiffe_id_make(&web, FORGE_DOMAIN, "/web", &why), 0);
	for (size_t i = 0; i < 64; i++) {
		X509 *cert = issue_with(&grant, &svid);
		BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);

		assert_false(BN_is_negative(n) || BN_is_zero(n));
		assert_int_equal(BN_bn2binpad(n, all[i], SPIFFE_SERIAL_SIZE), SPIFFE_SERIAL_SIZE);
		assert_memory_equal(all[i], svid.serial, SPIFFE_SERIAL_SIZE);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(all[i], all[j], SPIFFE_SERIAL_SIZE);
		for (size_t j = 0; j < SPIFFE_SERIAL_SIZE; j++)
			ones[j] |= all[i][j];
		BN_free(n);
		X509_free(cert);
	}
	// All 128 bits are: that one of them is never set among 64 is one in 2^57.
	for (size_t j = 0; j < SPIFFE_SERIAL_SIZE; j++)
		assert_int_equal(ones[j], 0xff);
	spiffe_csr_free(&csr);
	spiffe_ca_close(&ca);
}

static void refused_grants(void **state)
{
	struct spiffe_id web, domain, foreign_id;
	struct spiffe_grant grant = {.id = &web, .validity = {FORGE_NOW, 30, 300}};
	struct spiffe_svid svid;
	X509 *cert;

	open_ca();
	ask(leaf_key, NULL);
	assert_int_equal(spiffe_id_make(&web, FORGE_DOMAIN, "/web", &why), 0);
	assert_int_equal(spiffe_id_make(&domain, FORGE_DOMAIN, "", &why), 0);
	assert_int_equal(spiffe_id_make(&foreign_id, "other.org", "/web", &why), 0);
	grant.id = &domain;
	assert_null(issue_with(&grant, &svid));
	grant.id = &foreign_id;
	assert_null(issue_with(&grant, &svid));
	grant.id = &web;
	grant.validity.lifetime = 0;
	assert_null(issue_with(&grant, &svid));
	// Cut to the authority's own time, and refused outside of it.
	grant.validity = (struct spiffe_validity){FORGE_NOW, 3600, 10 * 365 * 86400};
	cert = issue_with(&grant, &svid);
	assert_int_equal(seconds(X509_get0_notBefore(cert)), ca.not_before);
	assert_int_equal(seconds(X509_get0_notAfter(cert)), ca.not_after);
	assert_int_equal(svid.not_after, ca.not_after);
	X509_free(cert);
	grant.validity = (struct spiffe_validity){ca.not_after, 30, 300};
	assert_null(issue_with(&grant, &svid));
	grant.validity.now = ca.not_before - 1;
	assert_null(issue_with(&grant, &svid));
	spiffe_csr_free(&csr);
	spiffe_ca_close(&ca);
}

static int read_csr(void)
{
	uint8_t *copy = malloc(size ? size : 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, der, size);
	rc = spiffe_csr_read(&csr, copy, size, &why);
	free(copy);
	if (rc) {
		assert_int_equal(rc, -EINVAL);
		assert_non_null(why);
		assert_null(csr.key);
	}
	spiffe_csr_free(&csr);
	return rc;
}

static void requests(void **state)
{
	static const char *const kinds[] = {"P-384",   "P-521",	    "RSA",
					    "ED25519", "secp256k1", "brainpoolP256r1"};
	EVP_PKEY *compressed = forge_key("P-256"), *explicit_curve = forge_key("P-256");

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		EVP_PKEY *key = forge_key(kinds[i]);

		size = forge_csr(key, NULL, "SHA256", der, sizeof(der));
		assert_int_equal(read_csr(), -EINVAL);
		assert_non_null(strstr(why, "P-256"));
		EVP_PKEY_free(key);
	}
	size = forge_csr(leaf_key, NULL, "SHA512", der, sizeof(der));
	assert_int_equal(read_csr(), 0);
	size = forge_csr(leaf_key, NULL, "SHA1", der, sizeof(der));
	assert_int_equal(read_csr(), -EINVAL);
	size = forge_csr_of(1, leaf_key, NULL, "SHA256", der, sizeof(der));
	assert_int_equal(read_csr(), -EINVAL);
	size = forge_csr(leaf_key, "DER:0102", "SHA256", der, sizeof(der));
	assert_int_equal(read_csr(), -EINVAL);
	assert_non_null(strstr(why, "names"));
	// One encoding of the key: the certificate is to have it.
	EVP_PKEY_set_utf8_string_param(compressed, "point-format", "compressed");
	size = forge_csr(compressed, NULL, "SHA256", der, sizeof(der));
	assert_int_equal(read_csr(), -EINVAL);
	EVP_PKEY_set_utf8_string_param(explicit_curve, "encoding", "explicit");
	size = forge_csr(explicit_curve, NULL, "SHA256", der, sizeof(der));
	assert_int_equal(read_csr(), -EINVAL);
	EVP_PKEY_free(compressed);
	EVP_PKEY_free(explicit_curve);
	// Whoever has not the key has not signed it; no bit of it can be changed.
	size = forge_csr(leaf_key, "DNS:web.example.org", "SHA256", der, sizeof(der));
	assert_int_equal(read_csr(), 0);
	for (size_t i = 0; i < size * 8; i += 3) {
		der[i / 8] ^= (uint8_t)(1 << (i % 8));
		if (!read_csr())
			fail_msg("bit %zu of the request does not matter", i);
		der[i / 8] ^= (uint8_t)(1 << (i % 8));
	}
	for (size_t whole = size--; size; size--)
		if (!read_csr())
			fail_msg("%zu of %zu bytes were taken", size, whole);
	assert_int_equal(read_csr(), -EINVAL);
	size = forge_csr(leaf_key, NULL, "SHA256", der, sizeof(der));
	der[size++] = 0;
	assert_int_equal(read_csr(), -EINVAL);
	memset(der, 0x30, sizeof(der));
	size = SPIFFE_CSR_MAX + 1;
	assert_int_equal(read_csr(), -EINVAL);
}

// As long as can be, and longer.
static void long_requests(void **state)
{
	char san[SPIFFE_CSR_MAX + 64] = "URI:spiffe://example.org/";
	size_t start = strlen(san);

	memset(san + start, 'a', 7800);
	size = forge_csr(leaf_key, san, "SHA256", der, sizeof(der));
	assert_true(size <= SPIFFE_CSR_MAX);
	assert_int_equal(read_csr(), 0);
	memset(san + start, 'a', 8150);
	size = forge_csr(leaf_key, san, "SHA256", der, sizeof(der));
	assert_true(size > SPIFFE_CSR_MAX);
	assert_int_equal(read_csr(), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_leaves),
		cmocka_unit_test(bad_leaves),
		cmocka_unit_test(two_extensions_of_names),
		cmocka_unit_test(a_nul_ends_no_name),
		cmocka_unit_test(who_signed),
		cmocka_unit_test(times),
		cmocka_unit_test(good_intermediates),
		cmocka_unit_test(bad_intermediates),
		cmocka_unit_test(chained_trust_domains),
		cmocka_unit_test(path_lengths),
		cmocka_unit_test(other_keys),
		cmocka_unit_test(malformed_chains),
		cmocka_unit_test(authority),
		cmocka_unit_test(opened_authorities),
		cmocka_unit_test(leaves),
		cmocka_unit_test(serials_are_random),
		cmocka_unit_test(refused_grants),
		cmocka_unit_test(requests),
		cmocka_unit_test(long_requests),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
