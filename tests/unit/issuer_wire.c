// SPDX-License-Identifier: Apache-2.0
// Messages of agent and issuer: there and back, one byte less, one more, one too many of anything.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../issuer/wire.h"

#define SPAN(text)                                                                                 \
	(struct wire_span)                                                                         \
	{                                                                                          \
		(const uint8_t *)(text), sizeof(text) - 1                                          \
	}

static uint8_t message[WIRE_ANSWER_MAX];
static struct wire_request request, got_request;
static struct wire_answer answer, got_answer;
static const char *why;

static int clear(void **state)
{
	memset(&request, 0, sizeof(request));
	memset(&answer, 0, sizeof(answer));
	return 0;
}

static void same(const struct wire_span *a, const struct wire_span *b)
{
	assert_int_equal(a->size, b->size);
	assert_memory_equal(a->data, b->data, a->size);
}

/* In a block of exactly this size, so that the sanitizer sees each byte too many that is read. */
static int take(bool is_answer, const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, data, size);
	int rc = is_answer ? wire_take_answer(&got_answer, copy, size, &why)
			   : wire_take_request(&got_request, copy, size, &why);
	free(copy);
	return rc;
}

/* Any prefix and any byte more is refused, and there is no room for it in less. */
static size_t whole_or_not(bool is_answer)
{
	int size = is_answer ? wire_put_answer(&answer, message, sizeof(message))
			     : wire_put_request(&request, message, sizeof(message));

	assert_true(size > 0);
	for (int i = 0; i < size; i++) {
		assert_int_equal(take(is_answer, message, (size_t)i), -EPROTO);
		assert_int_equal(is_answer ? wire_put_answer(&answer, message, (size_t)i)
					   : wire_put_request(&request, message, (size_t)i),
				 -ENOSPC);
		if (is_answer)
			wire_put_answer(&answer, message, sizeof(message));
		else
			wire_put_request(&request, message, sizeof(message));
	}
	message[size] = 0;
	assert_int_equal(take(is_answer, message, (size_t)size + 1), -EPROTO);
	assert_int_equal(take(is_answer, message, (size_t)size), 0);
	assert_int_equal(is_answer ? wire_take_answer(&got_answer, message, (size_t)size, &why)
				   : wire_take_request(&got_request, message, (size_t)size, &why),
			 0);
	return (size_t)size;
}

static void plain_requests(void **state)
{
	request.kind = WIRE_GRANTS;
	whole_or_not(false);
	assert_int_equal(got_request.kind, WIRE_GRANTS);
	request.kind = WIRE_BUNDLES;
	whole_or_not(false);
	assert_int_equal(got_request.kind, WIRE_BUNDLES);
}

static void sign(void **state)
{
	request.kind = WIRE_SIGN;
	request.sign.nr_keys = 2;
	request.sign.key[0].content = SPAN("first");
	request.sign.key[1].grant = UINT64_MAX;
	request.sign.key[1].content = SPAN("");
	whole_or_not(false);
	assert_int_equal(got_request.sign.nr_keys, 2);
	assert_true(got_request.sign.key[1].grant == UINT64_MAX);
	same(&got_request.sign.key[0].content, &request.sign.key[0].content);
	same(&got_request.sign.key[1].content, &request.sign.key[1].content);
	answer.kind = WIRE_SIGN;
	answer.sign = request.sign;
	whole_or_not(true);
	assert_int_equal(got_answer.sign.nr_keys, 2);
	same(&got_answer.sign.key[0].content, &request.sign.key[0].content);
}

static void token(void **state)
{
	request.kind = WIRE_TOKEN;
	request.token.grant = 3;
	request.token.nr_audiences = 2;
	request.token.audience[0] = SPAN("spiffe://example.org/a");
	request.token.audience[1] = SPAN("b");
	whole_or_not(false);
	assert_int_equal(got_request.token.grant, 3);
	assert_int_equal(got_request.token.nr_audiences, 2);
	same(&got_request.token.audience[1], &request.token.audience[1]);
	answer.kind = WIRE_TOKEN;
	answer.token = SPAN("a.b.c");
	whole_or_not(true);
	same(&got_answer.token, &answer.token);
}

static void grants(void **state)
{
	answer.kind = WIRE_GRANTS;
	answer.grants.trust_domain = SPAN("example.org");
	answer.grants.nr_grants = 2;
	answer.grants.grant[0] = (struct wire_grant){.id = SPAN("spiffe://example.org/web"),
						     .hint = SPAN("internal"),
						     .users = {SPAN("www-data"), SPAN("api")},
						     .nr_users = 2,
						     .names = {SPAN("web.example.org")},
						     .nr_names = 1};
	answer.grants.grant[1].id = SPAN("spiffe://example.org/api");
	answer.grants.grant[1].hint = SPAN("");
	answer.grants.nr_files = 1;
	answer.grants.file[0] =
		(struct wire_file){SPAN("password"), SPAN(""), SPAN("\0binary\xff")};
	whole_or_not(true);
	assert_int_equal(got_answer.grants.nr_grants, 2);
	assert_int_equal(got_answer.grants.grant[0].nr_users, 2);
	same(&got_answer.grants.grant[0].users[1], &answer.grants.grant[0].users[1]);
	same(&got_answer.grants.grant[0].names[0], &answer.grants.grant[0].names[0]);
	same(&got_answer.grants.file[0].content, &answer.grants.file[0].content);
	assert_int_equal(got_answer.grants.grant[1].nr_users, 0);
}

static void bundles(void **state)
{
	answer.kind = WIRE_BUNDLES;
	answer.bundles.nr_bundles = 2;
	answer.bundles.bundle[0].trust_domain = SPAN("example.org");
	answer.bundles.bundle[0].jwks = SPAN("{}");
	answer.bundles.bundle[1].trust_domain = SPAN("example.com");
	answer.bundles.bundle[1].jwks = SPAN("{\"keys\":[]}");
	whole_or_not(true);
	assert_int_equal(got_answer.bundles.nr_bundles, 2);
	same(&got_answer.bundles.bundle[1].jwks, &answer.bundles.bundle[1].jwks);
}

static void refusals(void **state)
{
	answer.refused = true;
	answer.refusal = (struct wire_refusal){WIRE_DENIED, SPAN("no such grant")};
	size_t size = whole_or_not(true);
	assert_true(got_answer.refused);
	assert_int_equal(got_answer.refusal.code, WIRE_DENIED);
	same(&got_answer.refusal.reason, &answer.refusal.reason);
	message[size - 1] = '\x1b';
	assert_int_equal(take(true, message, size), -EPROTO);
	answer.refusal.code = (enum wire_code)2;
	size = (size_t)wire_put_answer(&answer, message, sizeof(message));
	assert_int_equal(take(true, message, size), -EPROTO);
}

/* A head that promises more than there may be; what follows would even be there. */
static void too_many(void **state)
{
	static const struct {
		bool is_answer;
		const char *bytes;
		size_t size;
	} bad[] = {
		{false, "\x82\x02\x91", 3},	// 17 keys
		{false, "\x83\x03\x00\x91", 4}, // 17 audiences
		{false, "\x81\x00", 2},
		{false, "\x81\x05", 2}, // kinds
		{false, "\x82\x01\x00", 3},
		{false, "\x81\x02", 2}, // members
		{true, "\x81\x01", 2},
		{true, "\x82\x05\x40", 3},	       // kinds
		{true, "\x84\x01\x40\x91\x80", 5},     // 17 identities
		{true, "\x84\x01\x40\x80\x98\x21", 6}, // 33 files
		{true, "\x82\x04\x98\x21", 4},	       // 33 bundles
		{true, "\x82\x03\x61\x61", 4},	       // text
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(message, 0x40, 1000);
		memcpy(message, bad[i].bytes, bad[i].size);
		assert_int_equal(take(bad[i].is_answer, message, 1000), -EPROTO);
		assert_int_equal(take(bad[i].is_answer, message, bad[i].size), -EPROTO);
	}
	assert_int_equal(take(false, (const uint8_t *)"\x81\x01", 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(plain_requests, clear),
		cmocka_unit_test_setup(sign, clear),
		cmocka_unit_test_setup(token, clear),
		cmocka_unit_test_setup(grants, clear),
		cmocka_unit_test_setup(bundles, clear),
		cmocka_unit_test_setup(refusals, clear),
		cmocka_unit_test_setup(too_many, clear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
