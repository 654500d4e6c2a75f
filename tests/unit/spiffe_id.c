// SPDX-License-Identifier: Apache-2.0
// SPIFFE-ID.md, rule by rule; strict base64; bounded JSON.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base64.h"
#include "id.h"
#include "json.h"

static struct spiffe_id id;
static const char *why;

// Of exactly these bytes, so that the sanitizer sees a read behind them.
static int parse_bytes(const char *text, size_t size)
{
	char *copy = malloc(size ? size : 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, text, size);
	why = NULL;
	rc = spiffe_id_parse(&id, copy, size, &why);
	free(copy);
	assert_true(rc == 0 || (rc == -EINVAL && why));
	return rc;
}

static int parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static void good_ids(void **state)
{
	static const char *const good[] = {
		"spiffe://example.org/web",
		"spiffe://example.org",
		"spiffe://a/b",
		"spiffe://staging.example.com/payments/mysql",
		"spiffe://k8s-west.example.com/ns/staging/sa/default",
		"spiffe://example.com/9eebccd2-12bf-40a6-b262-65fe0487d453",
		"spiffe://trust_domain_name.example.com/x",
		"spiffe://10.0.0.1/Upper.Case_and-0",
		"spiffe://.-_/...",
		"spiffe://example.org/..a/.b/c..",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(parse(good[i]), 0);
		assert_string_equal(id.text, good[i]);
		assert_int_equal(id.size, strlen(good[i]));
	}
}

static void bad_ids(void **state)
{
	static const char *const bad[] = {
		"",
		"spiffe:/",
		"spiffe://",
		"spiffe:///web",
		"http://example.org/web",
		"spiffe:example.org/web",
		// Section 2.1: nothing but a host in lower case.
		"spiffe://Example.org/web",
		"spiffe://user@example.org/web",
		"spiffe://example.org:80/web",
		"spiffe://example.org:/web",
		"spiffe://[::1]/web",
		"spiffe://ex%61mple.org/web",
		"spiffe://ex mple.org/web",
		"spiffe://ex\xc3\xa4mple.org/web",
		// One spelling.
		"SPIFFE://example.org/web",
		"Spiffe://example.org/web",
		// Section 2: no query, no fragment.
		"spiffe://example.org?a=b",
		"spiffe://example.org#a",
		"spiffe://example.org/web?a",
		"spiffe://example.org/web#a",
		// Section 2.2.
		"spiffe://example.org/",
		"spiffe://example.org/web/",
		"spiffe://example.org//",
		"spiffe://example.org//web",
		"spiffe://example.org/a//b",
		"spiffe://example.org/.",
		"spiffe://example.org/..",
		"spiffe://example.org/./web",
		"spiffe://example.org/a/./b",
		"spiffe://example.org/a/../b",
		"spiffe://example.org/web/..",
		"spiffe://example.org/w%65b",
		"spiffe://example.org/w b",
		"spiffe://example.org/w\\b",
		"spiffe://example.org/w:b",
		"spiffe://example.org/w\xc3\xa4",
		" spiffe://example.org/web",
		"spiffe://example.org/web\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!parse(bad[i]))
			fail_msg("\"%s\" was taken", bad[i]);
	// A NUL ends no ID.
	assert_int_equal(parse_bytes("spiffe://example.org/web\0", 25), -EINVAL);
	assert_int_equal(parse_bytes("spiffe://example.org\0/web", 25), -EINVAL);
	assert_int_equal(parse_bytes("spiffe://example.org/web", 24), 0);
}

static void sizes(void **state)
{
	char text[SPIFFE_ID_MAX + 2] = "spiffe://example.org/";
	char domain[SPIFFE_DOMAIN_MAX + 16] = "spiffe://";

	memset(text + strlen(text), 'a', sizeof(text) - strlen(text));
	assert_int_equal(parse_bytes(text, SPIFFE_ID_MAX), 0);
	assert_int_equal(strlen(id.text), SPIFFE_ID_MAX);
	assert_int_equal(parse_bytes(text, SPIFFE_ID_MAX + 1), -EINVAL);
	memset(domain + 9, 'a', SPIFFE_DOMAIN_MAX + 1);
	assert_int_equal(parse_bytes(domain, 9 + SPIFFE_DOMAIN_MAX), 0);
	assert_int_equal(parse_bytes(domain, 9 + SPIFFE_DOMAIN_MAX + 1), -EINVAL);
}

static void parts(void **state)
{
	struct spiffe_id web, other;

	assert_int_equal(parse("spiffe://example.org"), 0);
	assert_true(spiffe_id_is_domain(&id));
	assert_string_equal(spiffe_id_path(&id), "");
	assert_true(spiffe_id_in(&id, "example.org"));
	assert_int_equal(parse("spiffe://example.org/web"), 0);
	web = id;
	assert_false(spiffe_id_is_domain(&web));
	assert_string_equal(spiffe_id_path(&web), "/web");
	assert_true(spiffe_id_in(&web, "example.org"));
	assert_false(spiffe_id_in(&web, "example.or"));
	assert_false(spiffe_id_in(&web, "example.org.uk"));
	assert_false(spiffe_id_in(&web, "xample.org"));
	assert_false(spiffe_id_in(&web, ""));
	assert_false(spiffe_id_in(&web, "example.org/web"));
	assert_true(spiffe_id_equal(&web, &id));
	// The path's case counts, and a prefix is another ID.
	assert_int_equal(parse("spiffe://example.org/Web"), 0);
	assert_false(spiffe_id_equal(&web, &id));
	assert_int_equal(parse("spiffe://example.org/we"), 0);
	assert_false(spiffe_id_equal(&web, &id));
	assert_int_equal(spiffe_id_make(&other, "example.org", "/web", &why), 0);
	assert_true(spiffe_id_equal(&web, &other));
}

static void making(void **state)
{
	char long_path[SPIFFE_ID_MAX] = "/";

	assert_int_equal(spiffe_id_make(&id, "example.org", "", &why), 0);
	assert_string_equal(id.text, "spiffe://example.org");
	assert_int_equal(spiffe_id_make(&id, "example.org/a", "/b", &why), -EINVAL);
	assert_int_equal(spiffe_id_make(&id, "example.org", "b", &why), -EINVAL);
	assert_int_equal(spiffe_id_make(&id, "example.org", "/", &why), -EINVAL);
	assert_int_equal(spiffe_id_make(&id, "example.org", "/a/../b", &why), -EINVAL);
	assert_int_equal(spiffe_id_make(&id, "", "/b", &why), -EINVAL);
	memset(long_path + 1, 'a', SPIFFE_ID_MAX - strlen("spiffe://a") - 1);
	assert_int_equal(spiffe_id_make(&id, "a", long_path, &why), 0);
	assert_int_equal(id.size, SPIFFE_ID_MAX);
	assert_int_equal(spiffe_id_make(&id, "ab", long_path, &why), -EINVAL);
}

static void strict_base64(void **state)
{
	static const struct {
		enum spiffe_base64 kind;
		const char *text, *bytes; // NULL: refused
	} cases[] = {
		{SPIFFE_BASE64URL, "", ""},
		{SPIFFE_BASE64URL, "Zg", "f"},
		{SPIFFE_BASE64URL, "Zm8", "fo"},
		{SPIFFE_BASE64URL, "Zm9v", "foo"},
		{SPIFFE_BASE64URL, "_-_-", "\xff\xef\xfe"},
		{SPIFFE_BASE64URL, "Zg==", NULL},
		{SPIFFE_BASE64URL, "Zh", NULL},
		{SPIFFE_BASE64URL, "Zm9", NULL},
		{SPIFFE_BASE64URL, "Z", NULL},
		{SPIFFE_BASE64URL, "Zm9vY", NULL},
		{SPIFFE_BASE64URL, "/+/+", NULL},
		{SPIFFE_BASE64URL, "Zm 9v", NULL},
		{SPIFFE_BASE64URL, "Zm9v\n", NULL},
		{SPIFFE_BASE64, "", ""},
		{SPIFFE_BASE64, "Zg==", "f"},
		{SPIFFE_BASE64, "Zm8=", "fo"},
		{SPIFFE_BASE64, "Zm9v", "foo"},
		{SPIFFE_BASE64, "/+/+", "\xff\xef\xfe"},
		{SPIFFE_BASE64, "Zg", NULL},
		{SPIFFE_BASE64, "Zg=", NULL},
		{SPIFFE_BASE64, "Zh==", NULL},
		{SPIFFE_BASE64, "Z===", NULL},
		{SPIFFE_BASE64, "====", NULL},
		{SPIFFE_BASE64, "_-_-", NULL},
		{SPIFFE_BASE64, "Zg==Zg==", NULL},
		{SPIFFE_BASE64, "Zm9v\nZm9v", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = strlen(cases[i].text);
		uint8_t *out = malloc(SPIFFE_BASE64_ROOM(size));
		ssize_t made;

		assert_non_null(out);
		made = spiffe_base64_decode(cases[i].kind, cases[i].text, size, out);
		if (!cases[i].bytes != (made < 0))
			fail_msg("\"%s\": %zd", cases[i].text, made);
		if (cases[i].bytes) {
			assert_int_equal(made, strlen(cases[i].bytes));
			assert_memory_equal(out, cases[i].bytes, strlen(cases[i].bytes));
		}
		free(out);
	}
}

static bool takes_json(const char *text)
{
	json_t *json = spiffe_json_object(text, strlen(text), &why);
	bool taken = json != NULL;

	json_decref(json);
	return taken;
}

// {"a":[[[…]]]}, depth deep in all.
static bool takes_depth(size_t depth)
{
	char text[128] = "{\"a\":", *at = text + 5;

	for (size_t i = 1; i < depth; i++)
		*at++ = '[';
	for (size_t i = 1; i < depth; i++)
		*at++ = ']';
	*at++ = '}';
	*at = '\0';
	return takes_json(text);
}

static bool takes_values(size_t count)
{
	char *text = malloc(2 * count + 16), *at = text;
	bool taken;

	assert_non_null(text);
	at += sprintf(at, "{\"a\":[0");
	for (size_t i = 1; i < count; i++)
		at += sprintf(at, ",0");
	sprintf(at, "]}");
	taken = takes_json(text);
	free(text);
	return taken;
}

static void bounded_json(void **state)
{
	assert_true(takes_json("{}"));
	assert_true(takes_json(" {\"a\": {\"a\": 1}, \"b\": \"{[,\\\"[\"}"));
	assert_false(takes_json(""));
	assert_false(takes_json("[]"));
	assert_false(takes_json("1"));
	assert_false(takes_json("{} {}"));
	assert_false(takes_json("{\"a\":\"\\u0000\"}"));
	assert_false(takes_json("{\"a\":\"\xff\"}"));
	assert_false(takes_json("{\"a\":1,\"a\":1}"));
	assert_string_equal(why, "its JSON has a member twice");
	assert_false(takes_json("{\"a\":1,\"\\u0061\":1}"));
	assert_false(takes_json("{\"b\":{\"a\":1,\"a\":1}}"));
	assert_true(takes_depth(SPIFFE_JSON_DEPTH));
	assert_false(takes_depth(SPIFFE_JSON_DEPTH + 1));
	// What is in a text is no depth.
	assert_true(takes_json("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[\"}"));
	assert_true(takes_json("{\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[\"}"));
	assert_true(takes_json("{\"a\":\"\\\\\",\"b\":\"[[[[[[[[[[[[[[[[[[[[[[[[\"}"));
	assert_true(takes_values(SPIFFE_JSON_VALUES - 2));
	assert_false(takes_values(SPIFFE_JSON_VALUES - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_ids),	cmocka_unit_test(bad_ids),
		cmocka_unit_test(sizes),	cmocka_unit_test(parts),
		cmocka_unit_test(making),	cmocka_unit_test(strict_base64),
		cmocka_unit_test(bounded_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
