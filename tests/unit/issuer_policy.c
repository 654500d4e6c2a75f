// SPDX-License-Identifier: Apache-2.0
// The issuer's policy file: what it grants, and everything that it refuses to be read from.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../issuer/policy.h"

#define A96                                                                                        \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                                         \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B96                                                                                        \
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"                                         \
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static char dir[] = "/tmp/cloister-policy-XXXXXX";
static char path[64];
static char error[CL_ERROR_SIZE];
static struct issuer_policy *policy;

static void put(const char *name, const char *text)
{
	char full[128];

	snprintf(full, sizeof(full), "%s/%s", dir, name);
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int load(const char *text)
{
	put("policy.json", text);
	int rc = issuer_policy_load(path, &policy, error);
	assert_true(!rc == !!policy);
	return rc;
}

static int drop(void **state)
{
	issuer_policy_free(policy);
	policy = NULL;
	return 0;
}

static bool is(const struct wire_span *s, const char *text)
{
	return s->size == strlen(text) && !memcmp(s->data, text, s->size);
}

#define HEAD	       "{\"version\": 1, \"trust_domain\": \"example.org\", "
#define ZONE(rest)     HEAD "\"zones\": [{\"digest\": \"" A96 "\", " rest "}]}"
#define IDENTITY(rest) ZONE("\"identities\": [{\"id\": \"spiffe://example.org/web\"" rest "}]")

static void good(void **state)
{
	uint8_t digest[CL_DIGEST_SIZE];

	put("secret", "s3cr3t\n");
	assert_int_equal(
		load(HEAD "\"x509_ttl\": 600, \"jwt_ttl\": 60, \"zones\": ["
			  "{\"digest\": \"" A96 "\", \"identities\": ["
			  "{\"id\": \"spiffe://example.org/web\", \"hint\": \"internal\","
			  " \"users\": [\"www-data\", \"api\"], \"dns\": [\"web.example.org\"]},"
			  "{\"id\": \"spiffe://example.org/api\"}],"
			  " \"files\": [{\"name\": \"password\", \"from\": \"secret\","
			  " \"user\": \"api\"}]},"
			  "{\"digest\": \"" B96 "\", \"identities\": []}]}"),
		0);
	assert_string_equal(issuer_policy_trust_domain(policy), "example.org");
	assert_int_equal(issuer_policy_x509_ttl(policy), 600);
	assert_int_equal(issuer_policy_jwt_ttl(policy), 60);
	assert_int_equal(issuer_policy_zones(policy), 2);
	memset(digest, 0xaa, sizeof(digest));
	const struct wire_grants *g = issuer_policy_find(policy, digest);
	assert_non_null(g);
	assert_true(is(&g->trust_domain, "example.org"));
	assert_int_equal(g->nr_grants, 2);
	assert_true(is(&g->grant[0].id, "spiffe://example.org/web"));
	assert_true(is(&g->grant[0].hint, "internal"));
	assert_int_equal(g->grant[0].nr_users, 2);
	assert_true(is(&g->grant[0].users[1], "api"));
	assert_true(is(&g->grant[0].names[0], "web.example.org"));
	assert_int_equal(g->grant[1].nr_users + g->grant[1].nr_names, 0);
	assert_int_equal(g->nr_files, 1);
	assert_true(is(&g->file[0].name, "password"));
	assert_true(is(&g->file[0].user, "api"));
	assert_true(is(&g->file[0].content, "s3cr3t\n"));
	memset(digest, 0xbb, sizeof(digest));
	g = issuer_policy_find(policy, digest);
	assert_non_null(g);
	assert_int_equal(g->nr_grants, 0);
	digest[47] = 0;
	assert_null(issuer_policy_find(policy, digest));
}

static void defaults(void **state)
{
	assert_int_equal(load(HEAD "\"zones\": []}"), 0);
	assert_int_equal(issuer_policy_x509_ttl(policy), 3600);
	assert_int_equal(issuer_policy_jwt_ttl(policy), 300);
	assert_int_equal(issuer_policy_zones(policy), 0);
}

static void refused(const char *text, const char *reason)
{
	assert_int_equal(load(text), -EINVAL);
	if (!strstr(error, reason))
		fail_msg("\"%s\", not \"%s\"", error, reason);
}

static void malformed(void **state)
{
	refused("", "");
	refused("[]", "");
	refused(HEAD "\"zones\": []", "");
	refused(HEAD "\"zones\": [], \"zones\": []}", "");
	refused(HEAD "\"zones\": [], \"more\": 1}", "more");
	refused(HEAD "\"zones\": {}}", "a list of at most 1024");
	refused("{\"version\": 1, \"trust_domain\": \"example.org\"}", "zones");
	refused("{\"version\": 2, \"trust_domain\": \"example.org\", \"zones\": []}", "version");
	refused("{\"version\": 1, \"trust_domain\": \"Example.org\", \"zones\": []}",
		"trust_domain: ");
	refused(HEAD "\"x509_ttl\": 59, \"zones\": []}", "x509_ttl: 60 to 2592000");
	refused(HEAD "\"jwt_ttl\": 86401, \"zones\": []}", "jwt_ttl: 60 to 86400");
	refused(HEAD "\"jwt_ttl\": \"60\", \"zones\": []}", "");
	refused(HEAD "\"zones\": [{\"digest\": \"" A96 "\"}]}", "zones: ");
	refused(HEAD "\"zones\": [{\"digest\": \"AA\", \"identities\": []}]}",
		"96 lower-case hex digits");
	refused(ZONE("\"identities\": {}"), "lists of at most 16 identities");
	refused(ZONE("\"identities\": [], \"files\": {}"), "lists of at most 16 identities");
	refused(ZONE("\"identities\": [{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, "
		     "{}, {}]"),
		"lists of at most 16 identities");
	refused(ZONE("\"identities\": []}, {\"digest\": \"" A96 "\", \"identities\": []"),
		"a digest is there twice");
}

static void identities(void **state)
{
	assert_int_equal(load(IDENTITY("")), 0);
	drop(state);
	refused(ZONE("\"identities\": [{\"id\": \"spiffe://example.org\"}]"), "not a workload's");
	refused(ZONE("\"identities\": [{\"id\": \"spiffe://example.com/a\"}]"), "not a workload's");
	refused(ZONE("\"identities\": [{\"id\": \"https://example.org/a\"}]"), "https");
	refused(ZONE("\"identities\": [{\"id\": \"spiffe://example.org/a/\"}]"), "a/");
	refused(ZONE("\"identities\": [{\"hint\": \"x\"}]"), "id");
	refused(IDENTITY(", \"hint\": \"a\\nb\""), "printable");
	refused(IDENTITY(", \"hint\": 1"), "");
	refused(IDENTITY(", \"what\": 1"), "what");
	refused(IDENTITY(", \"users\": \"api\""), "are lists");
	refused(IDENTITY(", \"users\": [\"../api\"]"), "no such name");
	refused(IDENTITY(", \"users\": [1]"), "no such name");
	refused(IDENTITY(", \"users\": [\"\"]"), "no such name");
	refused(IDENTITY(", \"users\": [\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\"]"),
		"at most 8");
	refused(IDENTITY(", \"dns\": [\"*.example.org\"]"), "no such name");
	refused(IDENTITY(", \"dns\": [\"a..b\"]"), "no such name");
	refused(ZONE("\"identities\": [{\"id\": \"spiffe://example.org/a\", \"hint\": \"h\"},"
		     "{\"id\": \"spiffe://example.org/b\", \"hint\": \"h\"}]"),
		"two have one hint");
}

#define FILES(list) ZONE("\"identities\": [], \"files\": [" list "]")

static void files(void **state)
{
	char full[128];

	put("secret", "x");
	assert_int_equal(load(FILES("{\"name\": \"a\", \"from\": \"secret\"}")), 0);
	drop(state);
	refused(FILES("{\"name\": \"a/b\", \"from\": \"secret\"}"), "malformed");
	refused(FILES("{\"name\": \"..\", \"from\": \"secret\"}"), "malformed");
	refused(FILES("{\"name\": \"a\", \"from\": \"secret\", \"user\": \"-x\"}"), "malformed");
	refused(FILES("{\"name\": \"a\"}"), "from");
	refused(FILES("{\"name\": \"a\", \"from\": \"secret\"}, {\"name\": \"a\", \"from\": "
		      "\"secret\"}"),
		"two have one name");
	assert_int_equal(load(FILES("{\"name\": \"a\", \"from\": \"nothing\"}")), -ENOENT);
	assert_non_null(strstr(error, "files: nothing: No such file"));
	snprintf(full, sizeof(full), "%s/large", dir);
	put("large", "");
	assert_int_equal(truncate(full, ISSUER_FILE_MAX + 1), 0);
	assert_int_equal(load(FILES("{\"name\": \"a\", \"from\": \"large\"}")), -EFBIG);
	assert_int_equal(truncate(full, ISSUER_FILE_MAX), 0);
	assert_int_equal(load(FILES("{\"name\": \"a\", \"from\": \"large\"}")), 0);
}

static void no_file(void **state)
{
	assert_int_equal(issuer_policy_load("/nonexistent/policy", &policy, error), -ENOENT);
	assert_null(policy);
	assert_int_equal(issuer_policy_load(dir, &policy, error), -EINVAL);
	assert_null(policy);
}

static int begin(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/policy.json", dir);
	return 0;
}

static int end(void **state)
{
	static const char *const names[] = {"policy.json", "secret", "large"};
	char full[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(full, sizeof(full), "%s/%s", dir, names[i]);
		unlink(full);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(good, drop),
		cmocka_unit_test_teardown(defaults, drop),
		cmocka_unit_test_teardown(malformed, drop),
		cmocka_unit_test_teardown(identities, drop),
		cmocka_unit_test_teardown(files, drop),
		cmocka_unit_test_teardown(no_file, drop),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
