// SPDX-License-Identifier: Apache-2.0
// Policies that are replaced while somebody has what the old ones gave; the heads of HTTP's
// messages and the places of other trust domains' bundles, good ones and wrong ones.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../tools/issuer/http_head.h"
#include "../../tools/issuer/relation.h"
#include "../../tools/issuer/rules.h"

static char dir[] = "/tmp/cloister-rules-XXXXXX";
static char policy[64], verifier[64], token[64];
static struct rules_source source;
static struct rules *rules;
static char error[CL_ERROR_SIZE];

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

#define DIGEST(d)                                                                                  \
	"000000000000000000000000000000000000000000000000"                                         \
	"00000000000000000000000000000000000000000000000" d
#define HEAD "{\"version\": 1, \"trust_domain\": \"example.org\", "
#define ZONE(d, id)                                                                                \
	"{\"digest\": \"" DIGEST(d) "\", \"identities\": [{\"id\": \"spiffe://example.org/" id     \
				    "\"}], \"files\": [{\"name\": \"token\", \"from\": "           \
				    "\"token\"}]}"

static int setup(void **state)
{
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	if (!mkdtemp(dir))
		return -1;
	snprintf(policy, sizeof(policy), "%s/policy", dir);
	snprintf(verifier, sizeof(verifier), "%s/verifier", dir);
	snprintf(token, sizeof(token), "%s/token", dir);
	put(policy, HEAD "\"zones\": [" ZONE("1", "web") "]}");
	put(verifier, "{\"version\": 1}");
	put(token, "old");
	source = (struct rules_source){.policy = policy,
				       .verifier_policy = verifier,
				       .domain = "example.org",
				       .least = CL_VERDICT_WARNING,
				       .life = 6 * 3600};
	return rules_open(&source, &rules, error);
}

static int teardown(void **state)
{
	rules_close(rules);
	unlink(policy);
	unlink(verifier);
	unlink(token);
	return rmdir(dir);
}

static struct cl_verdict_result zone(uint8_t last)
{
	struct cl_verdict_result z = {.proven = true};

	z.report.digest[CL_DIGEST_SIZE - 1] = last;
	return z;
}

static void replaced(void **state)
{
	struct issuer_authority *a = rules_authority(rules);
	const struct cl_verdict_result one = zone(1), two = zone(2);
	const struct issuer_terms *terms = a->hold_terms(a), *new_terms;
	const struct wire_grants *g = a->hold(a, &one), *again;

	assert_non_null(g);
	assert_null(a->hold(a, &two));
	assert_int_equal(terms->x509_ttl, 3600);
	assert_int_equal(terms->trust.least, CL_VERDICT_WARNING);
	put(token, "new");
	put(policy, HEAD "\"x509_ttl\": 60, \"zones\": [" ZONE("2", "db") "]}");
	assert_int_equal(rules_reload(rules, error), 0);
	assert_int_equal(rules_zones(rules), 1);
	/* Who comes now gets what is there now; who was there has what there was. */
	assert_null(a->hold(a, &one));
	again = a->hold(a, &two);
	assert_non_null(again);
	assert_memory_equal(again->grant[0].id.data, "spiffe://example.org/db", 23);
	assert_memory_equal(again->file[0].content.data, "new", 3);
	assert_memory_equal(g->grant[0].id.data, "spiffe://example.org/web", 24);
	assert_memory_equal(g->file[0].content.data, "old", 3);
	new_terms = a->hold_terms(a);
	assert_int_equal(new_terms->x509_ttl, 60);
	assert_int_equal(terms->x509_ttl, 3600);
	assert_ptr_not_equal(terms->trust.verifier, new_terms->trust.verifier);
	a->release(a, again);
	a->release_terms(a, terms);
	a->release(a, g); /* the last: the old set goes */
	a->release_terms(a, new_terms);
}

static void refused(const char *file, const char *text, const char *why)
{
	put(file, text);
	assert_int_not_equal(rules_reload(rules, error), 0);
	if (!strstr(error, why))
		fail_msg("\"%s\", not \"%s\"", error, why);
}

static void not_replaced(void **state)
{
	static const char good[] = HEAD "\"zones\": []}";
	struct issuer_authority *a = rules_authority(rules);
	const struct cl_verdict_result one = zone(1);

	refused(policy, "{", "JSON");
	refused(policy, HEAD "\"zones\": 1}", "zones: a list");
	refused(policy, "{\"version\": 1, \"trust_domain\": \"other.org\", \"zones\": []}",
		"it is for the trust domain other.org");
	refused(policy, HEAD "\"x509_ttl\": 3601, \"zones\": []}", "signing keys that live 21606");
	refused(policy, HEAD "\"x509_ttl\": 60, \"jwt_ttl\": 3601, \"zones\": []}", "21606");
	/* The one is good and the other is not: neither is taken. */
	put(policy, good);
	refused(verifier, "{\"version\": 2}", verifier);
	unlink(verifier);
	assert_int_equal(rules_reload(rules, error), -ENOENT);
	const struct wire_grants *g = a->hold(a, &one);
	assert_non_null(g);
	a->release(a, g);
	put(verifier, "{\"version\": 1}");
	assert_int_equal(rules_reload(rules, error), 0);
	assert_null(a->hold(a, &one));
}

static unsigned int status(const char *head)
{
	return http_request_status(head, strlen(head));
}

static void requests(void **state)
{
	assert_int_equal(http_head_end("GET / HTTP/1.1\r\n\r\nx", 19), 18);
	assert_int_equal(http_head_end("GET / HTTP/1.1\r\n\r", 17), 0);
	assert_int_equal(http_head_end("GET / HTTP/1.1\n\n", 16), 0);
	assert_int_equal(status("GET /bundle.json HTTP/1.1\r\n\r\n"), 200);
	assert_int_equal(status("GET /bundle.json HTTP/1.0\r\nHost: x\r\n\r\n"), 200);
	assert_int_equal(status("GET /bundle.json?a b HTTP/1.1\r\n\r\n"), 400);
	assert_int_equal(status("GET /bundle.json?a HTTP/1.1\r\n\r\n"), 200);
	assert_int_equal(status("GET /bundle.jso HTTP/1.1\r\n\r\n"), 404);
	assert_int_equal(status("GET /bundle.jsonx HTTP/1.1\r\n\r\n"), 404);
	assert_int_equal(status("GET /x/../bundle.json HTTP/1.1\r\n\r\n"), 404);
	assert_int_equal(status("HEAD /bundle.json HTTP/1.1\r\n\r\n"), 405);
	assert_int_equal(status("get /bundle.json HTTP/1.1\r\n\r\n"), 405);
	assert_int_equal(status("GET https://x/bundle.json HTTP/1.1\r\n\r\n"), 400);
	assert_int_equal(status("GET /bundle.json HTTP/2.0\r\n\r\n"), 400);
	assert_int_equal(status("GET /bundle.json\r\n\r\n"), 400);
	assert_int_equal(status("GET\r\n\r\n"), 400);
	assert_int_equal(status(" /bundle.json HTTP/1.1\r\n\r\n"), 400);
	assert_int_equal(status("\r\n\r\n"), 400);
}

static int response(struct http_response *r, const char *head)
{
	const char *why = NULL;
	int rc = http_response_read(r, head, strlen(head), &why);

	assert_true(!rc || why);
	return rc;
}

static void responses(void **state)
{
	static const char *const bad[] = {
		"HTTP/2 200 OK\r\n\r\n",
		"HTTP/1.1 20 OK\r\n\r\n",
		"HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/1.1 2x0 OK\r\n\r\n",
		"\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX\r\n\r\n",
		"HTTP/1.1 200 OK\r\n: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551617\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
		"HTTP/1.1 200 OK",
	};
	struct http_response r;

	assert_int_equal(response(&r, "HTTP/1.1 200 OK\r\nContent-Length: \t17 \r\nX: y\r\n\r\n"),
			 0);
	assert_int_equal(r.status, 200);
	assert_true(r.has_length);
	assert_int_equal(r.length, 17);
	assert_int_equal(response(&r, "HTTP/1.0 404\r\nContent-Encoding: identity\r\n\r\n"), 0);
	assert_int_equal(r.status, 404);
	assert_false(r.has_length);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (response(&r, bad[i]) != -EPROTO)
			fail_msg("taken: %s", bad[i]);
}

static void relation(const char *text, const char *host, uint16_t port, const char *target)
{
	struct relation r;

	if (relation_parse(&r, text, error))
		fail_msg("%s: %s", text, error);
	assert_string_equal(r.domain, "b.org");
	assert_string_equal(r.host, host);
	assert_int_equal(r.port, port);
	assert_string_equal(r.target, target);
	relation_free(&r);
}

static void relations(void **state)
{
	static const char spiffe[] =
		"b.org=https_spiffe:https://b/x,spiffe://b.org/bundle,/etc/b,c.json";
	static const char *const bad[] = {
		"",
		"=",
		"b.org",
		"b.org=",
		"b.org=https_web",
		"b.org=https_web:",
		"b.org=https_web:https://",
		"b.org=https_web:https:///x",
		"b.org=https_web:https://[b]/",
		"b.org=https_web:https://[::1]443/",
		"b.org=https_web:https://::1/",
		"b.org=https_web:https://b:/",
		"b.org=https_web:https://b:x/",
		"b.org=https_web:HTTPS://b/",
		"b.org=https_web:https://a@b/",
		"b.org=https_web:https://b/\x7f",
		"b.org=https_web:https://b/\r\nX: y",
		"b.org=https_web:https://b\r\nX: y/",
		"b.org=https_web:https://b%2e/",
		"b.org=https_web:https://b_c/",
		"b.org=https_spiffe:https://b/,spiffe://b.org/x,",
		"b.org=https_spiffe:https://b/,spiffe://b.org/../x,f",
	};
	char text[2048];
	struct relation r;

	relation("b.org=https_web:https://example.com", "example.com", 443, "/");
	relation("b.org=https_web:https://example.com?x=y", "example.com", 443, "/?x=y");
	relation("b.org=https_web:https://192.0.2.1:8443/a/b,c", "192.0.2.1", 8443, "/a/b");
	relation("b.org=https_web:https://[2001:db8::1]:1/", "2001:db8::1", 1, "/");
	relation("b.org=https_web:https://[::1]", "::1", 443, "/");
	assert_int_equal(relation_parse(&r, spiffe, error), 0);
	assert_true(r.spiffe && r.self_serving && !r.numeric);
	assert_string_equal(r.endpoint.text, "spiffe://b.org/bundle");
	assert_string_equal(r.bundle_file, "/etc/b,c.json");
	relation_free(&r);
	assert_int_equal(
		relation_parse(&r, "b.org=https_spiffe:https://[::1]/,spiffe://c.org/x,f", error),
		0);
	assert_true(r.numeric && !r.self_serving);
	relation_free(&r);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (relation_parse(&r, bad[i], error) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
		relation_free(&r);
	}
	/* The longest path, and one that is longer. */
	for (int over = 0; over < 2; over++) {
		int n = snprintf(text, sizeof(text), "b.org=https_web:https://b/");
		memset(text + n, 'x', RELATION_TARGET_MAX);
		text[n + (int)RELATION_TARGET_MAX - 1 + over] = '\0';
		assert_int_equal(relation_parse(&r, text, error), over ? -EINVAL : 0);
		relation_free(&r);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(replaced),
		TEST(not_replaced),
		cmocka_unit_test(requests),
		cmocka_unit_test(responses),
		cmocka_unit_test(relations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
