// SPDX-License-Identifier: Apache-2.0
// What the issuer answers a zone that has proven itself: its grants, and nothing that is not
// granted.
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <openssl/x509v3.h>
#include "../../issuer/answer.h"
#include "../../issuer/keyring_file.h"
#include "../../spiffe/jwt.h"
#include "../../spiffe/key.h"
#include "../../spiffe/x509_check.h"

#define NOW 1800000000
#define SPAN(text)                                                                                 \
	(struct wire_span)                                                                         \
	{                                                                                          \
		(const uint8_t *)(text), sizeof(text) - 1                                          \
	}

static char path[] = "/tmp/cloister-answer-XXXXXX";
static int dir;
static struct keyring *ring;
static struct wire_grants grants;
static struct answer_terms terms;
static struct wire_request request;
static struct wire_answer answer;
static uint8_t out[WIRE_ANSWER_MAX];
static char note[CL_ERROR_SIZE];

static int setup(void **state)
{
	char error[CL_ERROR_SIZE];

	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	if (!mkdtemp(path))
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (keyring_open(dir, "example.org", 36000, NOW, &ring, error))
		return -1;
	grants = (struct wire_grants){.trust_domain = SPAN("example.org"), .nr_grants = 2};
	grants.grant[0] = (struct wire_grant){.id = SPAN("spiffe://example.org/web"),
					      .hint = SPAN("internal"),
					      .names = {SPAN("web.example.org"), SPAN("web")},
					      .nr_names = 2};
	grants.grant[1].id = SPAN("spiffe://example.org/api");
	grants.grant[1].hint = SPAN("");
	terms = (struct answer_terms){.grants = &grants,
				      .authorities = keyring_hold(ring),
				      .x509_ttl = 600,
				      .jwt_ttl = 60,
				      .now = NOW};
	memset(&request, 0, sizeof(request));
	return 0;
}

static int teardown(void **state)
{
	keyring_release(ring, terms.authorities);
	keyring_close(ring);
	unlinkat(dir, KEYRING_FILE, 0);
	close(dir);
	return rmdir(path);
}

static void ask_bytes(const uint8_t *bytes, size_t size)
{
	const char *why = "";
	int n = answer_request(&terms, bytes, size, out, note);

	assert_true(n > 0);
	assert_true(note[0]);
	if (wire_take_answer(&answer, out, (size_t)n, &why))
		fail_msg("%s", why);
}

static void ask(void)
{
	uint8_t bytes[WIRE_REQUEST_MAX];
	int size = wire_put_request(&request, bytes, sizeof(bytes));

	assert_true(size > 0);
	ask_bytes(bytes, (size_t)size);
	if (!answer.refused)
		assert_int_equal(answer.kind, request.kind);
}

static void expect_refused(enum wire_code code, const char *reason)
{
	ask();
	assert_true(answer.refused);
	assert_int_equal(answer.refusal.code, code);
	if (!memmem(answer.refusal.reason.data, answer.refusal.reason.size, reason, strlen(reason)))
		fail_msg("%.*s", (int)answer.refusal.reason.size, answer.refusal.reason.data);
}

/* A request of this key's for names, "DNS:a,URI:b", or NULL. */
static size_t make_csr(EVP_PKEY *key, const char *names, uint8_t *der)
{
	X509_REQ *r = X509_REQ_new();
	STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();

	X509_REQ_set_pubkey(r, key);
	if (names) {
		sk_X509_EXTENSION_push(
			list, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names));
		X509_REQ_add_extensions(r, list);
	}
	X509_REQ_sign(r, key, EVP_sha256());
	size_t size = (size_t)i2d_X509_REQ(r, &der);
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	X509_REQ_free(r);
	return size;
}

static struct wire_span csr(const char *names)
{
	static uint8_t der[4][2048];
	static size_t next;
	EVP_PKEY *key = spiffe_key_new();
	uint8_t *at = der[next++ % 4];
	size_t size = make_csr(key, names, at);

	EVP_PKEY_free(key);
	return (struct wire_span){at, size};
}

static void all_grants(void **state)
{
	request.kind = WIRE_GRANTS;
	ask();
	assert_int_equal(answer.grants.nr_grants, 2);
	assert_memory_equal(answer.grants.grant[0].id.data, "spiffe://example.org/web", 24);
	assert_int_equal(answer.grants.grant[0].nr_names, 2);
}

static X509 *certificate(size_t i)
{
	const uint8_t *at = answer.sign.key[i].content.data;
	X509 *x = d2i_X509(NULL, &at, (long)answer.sign.key[i].content.size);

	assert_non_null(x);
	return x;
}

static void sign(void **state)
{
	const struct spiffe_bundle *list[] = {&terms.authorities->bundle};
	const struct spiffe_bundles bundles = {list, 1};
	struct spiffe_id id;
	const char *why = "";

	request.kind = WIRE_SIGN;
	request.sign.nr_keys = 2;
	request.sign.key[0].grant = 1;
	request.sign.key[0].content = csr("URI:spiffe://example.org/admin,DNS:evil.example.org");
	request.sign.key[1].content = csr("DNS:web,DNS:evil.example.org");
	ask();
	assert_int_equal(answer.sign.nr_keys, 2);
	assert_int_equal(answer.sign.key[0].grant, 1);
	assert_int_equal(answer.sign.key[1].grant, 0);
	/* The ID is the grant's, whatever was asked for. */
	assert_int_equal(spiffe_x509_check(answer.sign.key[0].content.data,
					   answer.sign.key[0].content.size, &bundles, NOW, &id,
					   &why),
			 0);
	assert_string_equal(id.text, "spiffe://example.org/api");
	assert_int_equal(spiffe_x509_check(answer.sign.key[1].content.data,
					   answer.sign.key[1].content.size, &bundles, NOW + 599,
					   &id, &why),
			 0);
	assert_string_equal(id.text, "spiffe://example.org/web");
	assert_int_not_equal(spiffe_x509_check(answer.sign.key[1].content.data,
					       answer.sign.key[1].content.size, &bundles, NOW + 601,
					       &id, &why),
			     0);
	/* Of names those that are granted and were asked for. */
	X509 *x = certificate(1);
	assert_int_equal(X509_check_host(x, "web", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(x, "web.example.org", 0, 0, NULL), 0);
	assert_int_equal(X509_check_host(x, "evil.example.org", 0, 0, NULL), 0);
	X509_free(x);
	x = certificate(0);
	assert_int_equal(X509_check_host(x, "evil.example.org", 0, 0, NULL), 0);
	X509_free(x);
}

static void sign_refused(void **state)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048);
	uint8_t der[2048], broken[2048];

	request.kind = WIRE_SIGN;
	expect_refused(WIRE_INVALID, "no key is to be signed");
	request.sign.nr_keys = 1;
	request.sign.key[0].grant = 2;
	request.sign.key[0].content = csr(NULL);
	expect_refused(WIRE_DENIED, "no such identity");
	request.sign.key[0].grant = UINT64_MAX;
	expect_refused(WIRE_DENIED, "no such identity");
	request.sign.key[0].grant = 0;
	ask();
	assert_false(answer.refused);
	/* One bad one spoils all. */
	request.sign.nr_keys = 2;
	request.sign.key[1].content = (struct wire_span){der, make_csr(rsa, NULL, der)};
	expect_refused(WIRE_INVALID, "");
	struct wire_span good = csr(NULL);
	memcpy(broken, good.data, good.size);
	broken[good.size - 1] ^= 1;
	request.sign.key[1].content = (struct wire_span){broken, good.size};
	expect_refused(WIRE_INVALID, "");
	request.sign.key[1].content = SPAN("no request");
	expect_refused(WIRE_INVALID, "");
	request.sign.key[1].content = good;
	ask();
	assert_false(answer.refused);
	EVP_PKEY_free(rsa);
}

static void token(void **state)
{
	const struct spiffe_bundle *list[] = {&terms.authorities->bundle};
	const struct spiffe_bundles bundles = {list, 1};
	struct spiffe_jwt_question question = {
		.audience = "b", .bundles = &bundles, .now = NOW + 59};
	struct spiffe_id id;
	const char *why = "";
	json_t *claims;

	request.kind = WIRE_TOKEN;
	request.token.grant = 1;
	request.token.nr_audiences = 2;
	request.token.audience[0] = SPAN("a");
	request.token.audience[1] = SPAN("b");
	ask();
	assert_false(answer.refused);
	char *text = strndup((const char *)answer.token.data, answer.token.size);
	if (spiffe_jwt_check(text, strlen(text), &question, &id, &claims, &why))
		fail_msg("%s", why);
	assert_string_equal(id.text, "spiffe://example.org/api");
	json_decref(claims);
	question.now = NOW + 61;
	assert_int_not_equal(spiffe_jwt_check(text, strlen(text), &question, &id, &claims, &why),
			     0);
	free(text);
	request.token.grant = 2;
	expect_refused(WIRE_DENIED, "no such identity");
	request.token.grant = 0;
	request.token.nr_audiences = 0;
	expect_refused(WIRE_INVALID, "");
	request.token.nr_audiences = 1;
	request.token.audience[0] = SPAN("a\0b");
	expect_refused(WIRE_INVALID, "an audience is no text");
	request.token.audience[0] = SPAN("");
	expect_refused(WIRE_INVALID, "");
}

static void bundles(void **state)
{
	struct spiffe_bundle other, read;
	const struct spiffe_bundle *foreign[] = {&other};
	const char *why = "";

	request.kind = WIRE_BUNDLES;
	ask();
	assert_int_equal(answer.bundles.nr_bundles, 1);
	assert_int_equal(spiffe_bundle_read(&read, "example.org",
					    (const char *)answer.bundles.bundle[0].jwks.data,
					    answer.bundles.bundle[0].jwks.size, &why),
			 0);
	assert_int_equal(read.nr_x509, 1);
	assert_int_equal(read.nr_jwt, 1);
	assert_int_equal(read.refresh_hint, 1500);
	spiffe_bundle_free(&read);
	assert_int_equal(spiffe_bundle_init(&other, "other.example", &why), 0);
	terms.foreign = foreign;
	terms.nr_foreign = 1;
	ask();
	assert_int_equal(answer.bundles.nr_bundles, 2);
	assert_memory_equal(answer.bundles.bundle[1].trust_domain.data, "other.example", 13);
	spiffe_bundle_free(&other);
}

static void nonsense(void **state)
{
	request.kind = WIRE_GRANTS;
	ask_bytes((const uint8_t *)"\x81\x09", 2);
	assert_true(answer.refused);
	assert_int_equal(answer.refusal.code, WIRE_INVALID);
	ask_bytes((const uint8_t *)"GET / HTTP/1.1", 14);
	assert_true(answer.refused);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_grants), TEST(sign),	 TEST(sign_refused),
		TEST(token),	  TEST(bundles), TEST(nonsense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
