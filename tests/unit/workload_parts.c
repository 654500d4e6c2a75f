// SPDX-License-Identifier: Apache-2.0
// What the Workload API is made of, piece by piece: each with what it takes and what it refuses.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <workload.pb-c.h>
#include "../../agent/account.h"
#include "../../agent/claims.h"
#include "../../agent/grpc_head.h"
#include "../../agent/grpc_in.h"
#include "../../agent/h2_mem.h"
#include "../../agent/identity.h"
#include "../../agent/limits.h"
#include "../../agent/loop.h"
#include "../../agent/schema.h"
#include "../../agent/wire.h"

#define OWN	"spiffe://example.org"
#define TEXT(s) ((struct bytes){(const uint8_t *)(s), strlen(s)})

static void percent(void **state)
{
	char out[16];

	assert_int_equal(grpc_percent(out, sizeof(out), "a b~!"), 5);
	assert_string_equal(out, "a b~!");
	grpc_percent(out, sizeof(out), "%\n\x7f\xc3");
	assert_string_equal(out, "%25%0A%7F%C3");
	// Cut between characters, not within one.
	assert_int_equal(grpc_percent(out, 6, "abc%%"), 3);
	assert_string_equal(out, "abc");
	assert_int_equal(grpc_percent(out, 7, "abc%%"), 6);
	assert_int_equal(grpc_percent(out, 1, "a"), 0);
}

static bool timeout(const char *text, int64_t *ns)
{
	return grpc_timeout((const uint8_t *)text, strlen(text), ns);
}

static void timeouts(void **state)
{
	static const char *const bad[] = {"",	 "1",	"S",	"1s",  "123456789S",
					  "-1S", "1 S", "1.5S", "0x1S"};
	int64_t ns;

	assert_true(timeout("1H", &ns) && ns == 3600000000000);
	assert_true(timeout("2M", &ns) && ns == 120000000000);
	assert_true(timeout("3S", &ns) && ns == 3000000000);
	assert_true(timeout("00000004m", &ns) && ns == 4000000);
	assert_true(timeout("5u", &ns) && ns == 5000);
	assert_true(timeout("0n", &ns) && ns == 0);
	assert_true(timeout("99999999H", &ns) && ns == INT64_MAX / 4);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(timeout(bad[i], &ns));
	assert_false(grpc_timeout((const uint8_t *)"1\0", 2, &ns));
}

static const struct grpc_key key = {"workload.spiffe.io", "true"};

static void set(struct grpc_head *head, const char *name, const char *value)
{
	grpc_head_field(head, &key, (const uint8_t *)name, strlen(name), (const uint8_t *)value,
			strlen(value));
}

static struct grpc_verdict judge(const char *but, const char *value)
{
	static const char *const good[][2] = {{":method", "POST"},
					      {":path", "/S/M"},
					      {"te", "trailers"},
					      {"content-type", "application/grpc"},
					      {"workload.spiffe.io", "true"}};
	struct grpc_head head = {0};

	for (size_t i = 0; i < 5; i++) {
		if (strcmp(good[i][0], but) != 0)
			set(&head, good[i][0], good[i][1]);
	}
	if (value)
		set(&head, but, value);
	return grpc_head_check(&head, !strcmp(head.path, "/S/M"));
}

static void heads(void **state)
{
	static const struct {
		const char *name, *value;
		unsigned int http;
		enum grpc_status status;
	} cases[] = {
		{"x", "y", 200, GRPC_OK},
		{":method", "GET", 405, GRPC_INTERNAL},
		{":path", "/S/N", 200, GRPC_UNIMPLEMENTED},
		{":path", NULL, 200, GRPC_UNIMPLEMENTED},
		{"te", NULL, 400, GRPC_INTERNAL},
		{"te", "gzip", 400, GRPC_INTERNAL},
		{"content-type", NULL, 415, GRPC_INTERNAL},
		{"content-type", "application/grpcx", 415, GRPC_INTERNAL},
		{"content-type", "Application/GRPC+proto", 200, GRPC_OK},
		{"content-type", "application/grpc; charset=x", 200, GRPC_OK},
		{"workload.spiffe.io", NULL, 200, GRPC_INVALID_ARGUMENT},
		{"workload.spiffe.io", "True", 200, GRPC_INVALID_ARGUMENT},
		{"workload.spiffe.io", "true,true", 200, GRPC_INVALID_ARGUMENT},
		{"grpc-encoding", "gzip", 200, GRPC_UNIMPLEMENTED},
		{"grpc-encoding", "identity", 200, GRPC_OK},
		{"grpc-timeout", "1x", 200, GRPC_INVALID_ARGUMENT},
		{"grpc-timeout", "1S", 200, GRPC_OK},
	};
	struct grpc_head head = {0};
	char large[600];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct grpc_verdict v = judge(cases[i].name, cases[i].value);
		assert_int_equal(v.http, cases[i].http);
		assert_int_equal(v.status, cases[i].status);
		assert_true(!v.why == (v.status == GRPC_OK));
	}
	// One that is right does not make up for one that is not.
	set(&head, "workload.spiffe.io", "false");
	set(&head, "workload.spiffe.io", "true");
	assert_true(head.key_bad);
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	set(&head, ":path", large);
	assert_string_equal(head.path, "");
	for (int i = 0; i < 14; i++)
		set(&head, "x", large);
	assert_int_equal(grpc_head_check(&head, true).status, GRPC_RESOURCE_EXHAUSTED);
}

static struct account *make_account(struct accounts *all, uid_t uid)
{
	struct account *account = account_of(all, uid, 1);

	assert_non_null(account);
	return account;
}

static void messages_in_pieces(void **state)
{
	const uint8_t two[] = {0, 0, 0, 0, 2, 'a', 'b', 0, 0, 0, 0, 1, 'c'};
	struct accounts all = {0};
	struct grpc_in in = {.account = make_account(&all, 1)};
	const uint8_t *data;
	const char *why;
	size_t size;

	for (size_t i = 0; i < sizeof(two); i++) {
		assert_int_equal(grpc_in_message(&in, &data, &size), i >= 7);
		assert_int_equal(grpc_in_add(&in, two + i, 1, &why), GRPC_OK);
	}
	assert_true(grpc_in_message(&in, &data, &size));
	assert_int_equal(size, 2);
	assert_memory_equal(data, "ab", 2);
	assert_int_equal(grpc_in_drop(&in, &why), GRPC_OK);
	assert_true(grpc_in_message(&in, &data, &size));
	assert_memory_equal(data, "c", 1);
	assert_int_equal(grpc_in_drop(&in, &why), GRPC_OK);
	assert_false(grpc_in_message(&in, &data, &size));
	// The flag of the second is seen when it is the first.
	assert_int_equal(grpc_in_add(&in, (const uint8_t[]){0, 0, 0, 0, 0, 1}, 6, &why), GRPC_OK);
	assert_int_equal(grpc_in_drop(&in, &why), GRPC_UNIMPLEMENTED);
	grpc_in_free(&in);
	assert_int_equal(all.bytes, 0);
	account_unref(in.account);
}

static void messages_are_bounded(void **state)
{
	static uint8_t whole[5 + REQUEST_MAX + 1] = {0, 0, 1, 0, 0};
	struct accounts all = {0};
	struct account *account = make_account(&all, 1);
	struct grpc_in in = {.account = account};
	const char *why;

	assert_int_equal(grpc_in_add(&in, whole, sizeof(whole) - 1, &why), GRPC_OK);
	assert_int_equal(in.room, 5 + REQUEST_MAX);
	assert_int_equal(grpc_in_add(&in, whole, 1, &why), GRPC_RESOURCE_EXHAUSTED);
	grpc_in_free(&in);
	assert_int_equal(grpc_in_add(&in, (const uint8_t[]){0, 0, 1, 0, 1}, 5, &why),
			 GRPC_RESOURCE_EXHAUSTED);
	grpc_in_free(&in);
	assert_int_equal(grpc_in_add(&in, (const uint8_t[]){0, 0xff, 0xff, 0xff, 0xff}, 5, &why),
			 GRPC_RESOURCE_EXHAUSTED);
	// No more than has come is kept.
	assert_in_range(all.bytes, 1, 1024);
	grpc_in_free(&in);
	assert_true(account_take(account, UID_BYTES_MAX - 1000));
	assert_int_equal(grpc_in_add(&in, whole, 2000, &why), GRPC_RESOURCE_EXHAUSTED);
	grpc_in_free(&in);
	account_give(account, UID_BYTES_MAX - 1000);
	account_unref(account);
	assert_null(all.first);
}

static void accounts_are_bounded(void **state)
{
	struct accounts all = {0};
	struct account *a = make_account(&all, 1), *b = make_account(&all, 2), *more[5];

	assert_ptr_equal(make_account(&all, 1), a);
	account_unref(a);
	for (size_t i = 0; i < UID_CONNECTIONS_MAX; i++)
		assert_true(account_connect(a));
	assert_false(account_connect(a));
	assert_true(account_connect(b));
	account_disconnect(a);
	assert_true(account_connect(a));
	// The last quarter is for those that have few.
	for (uid_t uid = 3; all.connections < CONNECTIONS_MAX / 4 * 3; uid++) {
		struct account *c = make_account(&all, uid);
		for (size_t i = 0; i < UID_CONNECTIONS_FEW; i++)
			assert_true(account_connect(c));
	}
	for (size_t i = 1; i < UID_CONNECTIONS_FEW; i++)
		assert_true(account_connect(b));
	assert_false(account_connect(b));
	assert_true(account_take(a, UID_BYTES_MAX));
	assert_false(account_take(a, 1));
	for (size_t i = 0; i < 3; i++) {
		more[i] = make_account(&all, (uid_t)(100000 + i));
		assert_true(account_take(more[i], UID_BYTES_MAX));
	}
	// All is taken: the others have what all may have.
	assert_true(account_take(b, ACCOUNT_FLOOR));
	assert_false(account_take(b, 1));
	// Half of the time, after what is saved up.
	assert_int_equal(account_worked(b, 1, 1 + CPU_PURSE_NS), 0);
	assert_true(account_worked(b, CPU_PURSE_NS, 3 * CPU_PURSE_NS) > 0);
	while (all.first) {
		all.first->references = 1;
		account_unref(all.first);
	}
}

static ProtobufCMessage *parse(struct arena *arena, const char *bytes, size_t size)
{
	return wire_parse(&jwtsvidrequest__descriptor, (const uint8_t *)bytes, size, arena);
}

static void parsing(void **state)
{
	struct arena arena = {.left = SCRATCH_MAX};
	static char many[60000];

	const JWTSVIDRequest *r =
		(JWTSVIDRequest *)parse(&arena, "\x0a\1a\x0a\1b\x12\1c\x1a\1?", 12);
	assert_non_null(r);
	assert_int_equal(r->n_audience, 2);
	assert_string_equal(r->audience[1], "b");
	assert_string_equal(r->spiffe_id, "c");
	// In a field that is not known anything may be.
	assert_non_null(parse(&arena, "\x1a\1\0", 3));
	assert_null(parse(&arena, "\x0a\3a\0b", 5));
	assert_null(parse(&arena, "\x0a\2\xc3(", 4));
	assert_null(parse(&arena, "\x0a\2a", 3));
	assert_null(parse(&arena, "\x0a", 1));
	assert_null(parse(&arena, "\x0b\x0c", 2)); // a group
	assert_null(parse(&arena, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 11));
	assert_null(parse(&arena, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 11));
	arena_empty(&arena);
	for (size_t i = 0; i < sizeof(many); i += 2)
		many[i] = 0x0a;
	assert_null(parse(&arena, many, sizeof(many))); // more than the arena has
	arena_empty(&arena);
	assert_int_equal(arena.left, SCRATCH_MAX);
}

static Google__Protobuf__Struct *convert(struct arena *arena, const char *text, json_t **json)
{
	*json = json_loads(text, JSON_ALLOW_NUL, NULL);
	assert_non_null(*json);
	return claims_struct(*json, arena);
}

static void claims_are_bounded(void **state)
{
	struct arena arena = {.left = SCRATCH_MAX};
	char deep[128];
	json_t *json;

	const Google__Protobuf__Struct *s =
		convert(&arena, "{\"n\":-1.5,\"l\":[true,null]}", &json);
	assert_non_null(s);
	assert_int_equal(s->n_fields, 2);
	assert_true(s->fields[0]->value->number_value == -1.5);
	assert_int_equal(s->fields[1]->value->list_value->n_values, 2);
	assert_true(s->fields[1]->value->list_value->values[0]->bool_value);
	json_decref(json);
	// The object is one level, its value the second.
	for (size_t n = CLAIMS_DEPTH_MAX - 2; n < CLAIMS_DEPTH_MAX; n++) {
		snprintf(deep, sizeof(deep), "{\"a\":%.*s1%.*s}", (int)n,
			 "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", (int)n,
			 "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
		s = convert(&arena, deep, &json);
		assert_true(!s == (n == CLAIMS_DEPTH_MAX - 1));
		json_decref(json);
	}
	assert_null(convert(&arena, "{\"a\":\"x\\u0000y\"}", &json));
	json_decref(json);
	assert_null(convert(&arena, "{\"a\":[\"x\\u0000y\"]}", &json));
	json_decref(json);
	assert_null(convert(&arena, "[1]", &json));
	json_decref(json);
	arena_empty(&arena);
	arena.left = 5000;
	assert_null(convert(&arena,
			    "{\"a\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
			    "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}",
			    &json));
	json_decref(json);
	arena_empty(&arena);
}

static int try_entry(struct identities *ids, bool everyone, uid_t uid, const char *id,
		     const char *hint)
{
	const struct identity e = {.everyone = everyone,
				   .uid = uid,
				   .spiffe_id = id,
				   .hint = hint,
				   .chain = TEXT("c"),
				   .key = TEXT("k")};

	return identities_add(ids, &e);
}

static void snapshots(void **state)
{
	static const char *const bad[] = {"",
					  "spiffe://",
					  OWN,
					  "https://example.org/a",
					  "spiffe://Example.org/a",
					  "spiffe://a b/c",
					  "spiffe:///a"};
	static char large[SNAPSHOT_MAX];
	struct identities *ids = identities_new(OWN);
	const char *why;

	assert_null(identities_new(OWN "/path"));
	assert_null(identities_new("example.org"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(try_entry(ids, false, 1, bad[i], ""), -EINVAL);
	const struct identity no_key = {.spiffe_id = OWN "/a", .hint = "", .chain = TEXT("c")};
	assert_int_equal(identities_add(ids, &no_key), -EINVAL);
	assert_int_equal(try_entry(ids, false, 1, OWN "/a", "h"), 0);
	assert_int_equal(identities_seal(ids, &why), -EINVAL);
	assert_int_equal(identities_add_x509(ids, OWN, TEXT("")), -EINVAL);
	assert_int_equal(identities_add_x509(ids, OWN "/", TEXT("x")), -EINVAL);
	assert_int_equal(identities_add_x509(ids, OWN, TEXT("x")), 0);
	assert_int_equal(identities_add_x509(ids, OWN, TEXT("x")), -EEXIST);
	assert_int_equal(identities_seal(ids, &why), 0);
	assert_int_equal(try_entry(ids, false, 2, OWN "/b", ""), -EPERM);
	identities_unref(ids);

	// Hints: of another uid it may be the same, of everybody's not.
	ids = identities_new(OWN);
	assert_int_equal(identities_add_x509(ids, OWN, TEXT("x")), 0);
	assert_int_equal(try_entry(ids, false, 1, OWN "/a", "h"), 0);
	assert_int_equal(try_entry(ids, false, 2, OWN "/b", "h"), 0);
	assert_int_equal(identities_seal(ids, &why), 0);
	ids->sealed = false;
	assert_int_equal(try_entry(ids, true, 0, OWN "/c", "h"), 0);
	assert_int_equal(identities_seal(ids, &why), -EINVAL);
	assert_string_equal(why, "two identities of one uid have the same hint");
	assert_int_equal(try_entry(ids, false, 1, "spiffe://other.org/a", ""), 0);
	identities_unref(ids);

	ids = identities_new(OWN);
	assert_int_equal(identities_add_crl(ids, (struct bytes){(uint8_t *)large, sizeof(large)}),
			 -E2BIG);
	assert_int_equal(
		identities_add_crl(ids, (struct bytes){(uint8_t *)large, sizeof(large) / 2}), 0);
	assert_int_equal(
		identities_add_crl(ids, (struct bytes){(uint8_t *)large, sizeof(large) / 2}),
		-E2BIG);
	identities_unref(ids);
}

static void schema(void **state)
{
	struct bytes files[SCHEMA_FILES_MAX];
	char names[SCHEMA_SERVICES_MAX][64];

	assert_int_equal(schema_services(names), 3);
	assert_int_equal(schema_symbol("SpiffeWorkloadAPI", files), 2);
	assert_int_equal(schema_symbol("SpiffeWorkloadAPI.FetchJWTSVID", files), 2);
	assert_int_equal(schema_symbol("X509SVIDResponse.FederatedBundlesEntry.key", files), 2);
	assert_int_equal(schema_symbol("google.protobuf.Struct", files), 1);
	assert_int_equal(schema_symbol("google.protobuf.NullValue.NULL_VALUE", files), 1);
	assert_int_equal(schema_symbol("grpc.reflection.v1alpha.ServerReflection", files), 1);
	assert_int_equal(schema_file("workload.proto", files), 2);
	assert_int_equal(schema_file("workload", files), 0);
	static const char *const none[] = {"",
					   ".",
					   "Spiffe",
					   "SpiffeWorkloadAPI.",
					   "google.protobuf",
					   "X509SVID.hint.x",
					   "google.protobufStruct",
					   "SpiffeWorkloadAPI.FetchJWTSVID.x"};
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(schema_symbol(none[i], files), 0);
}

static void session_memory(void **state)
{
	struct accounts all = {0};
	struct account *account = make_account(&all, 1);
	struct h2_mem mem;

	h2_mem_init(&mem, account);
	void *p = mem.functions.malloc(100, &mem), *q = mem.functions.calloc(10, 10, &mem);
	assert_in_range(mem.bytes, 200, 300);
	assert_int_equal(all.bytes, mem.bytes);
	memset(p, 'x', 100);
	p = mem.functions.realloc(p, 1000, &mem);
	assert_memory_equal(p, "xxxx", 4);
	assert_null(mem.functions.malloc(SESSION_BYTES_MAX, &mem));
	assert_null(mem.functions.calloc(SIZE_MAX / 2, 3, &mem));
	assert_null(mem.functions.malloc(SIZE_MAX, &mem));
	mem.functions.free(p, &mem);
	mem.functions.free(q, &mem);
	mem.functions.free(NULL, &mem);
	assert_int_equal(all.bytes, 0);
	account_unref(account);
}

static char said[32];
static struct loop *loop;
static struct loop_watch pipes[2];

static void say_timer(struct loop_timer *t)
{
	strcat(said, t->due_ns == 1 ? "1" : t->due_ns == 2 ? "2" : "3");
}

static void say_task(struct loop_task *t)
{
	strcat(said, "t");
	// Its next turn comes after the other events, not now.
	if (strlen(said) < 3)
		loop_queue(loop, t);
}

static void say_woken(struct loop_waker *w)
{
	strcat(said, "w");
}

static void forget_other(struct loop_watch *watch, uint32_t events)
{
	strcat(said, "p");
	loop_unwatch(loop, watch == &pipes[0] ? &pipes[1] : &pipes[0]);
}

static void events(void **state)
{
	struct loop_timer t[3] = {{.fire = say_timer}, {.fire = say_timer}, {.fire = say_timer}};
	struct loop_task task = {.run = say_task};
	struct loop_waker waker = {.woken = say_woken};
	int fds[2][2];

	loop = loop_new();
	loop_set(loop, &t[1], 2);
	loop_set(loop, &t[2], 3);
	loop_set(loop, &t[0], 3);
	loop_set(loop, &t[0], 1);
	assert_int_equal(loop_turn(loop, 0), 0);
	assert_string_equal(said, "123");
	loop_set(loop, &t[0], 1);
	loop_unset(loop, &t[0]);
	*said = '\0';
	loop_queue(loop, &task);
	loop_queue(loop, &task);
	assert_int_equal(loop_turn(loop, -1), 0);
	assert_string_equal(said, "t");
	loop_turn(loop, -1);
	loop_unqueue(loop, &task);
	*said = '\0';
	assert_int_equal(loop_add_waker(loop, &waker), 0);
	loop_wake(&waker);
	loop_wake(&waker);
	loop_turn(loop, -1);
	loop_turn(loop, 0);
	assert_string_equal(said, "w");
	loop_remove_waker(loop, &waker);
	// Both are ready; the first that is told takes the other away.
	*said = '\0';
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe(fds[i]), 0);
		assert_int_equal(write(fds[i][1], "x", 1), 1);
		pipes[i] = (struct loop_watch){fds[i][0], forget_other};
		assert_int_equal(loop_watch(loop, &pipes[i], EPOLLIN), 0);
	}
	loop_turn(loop, 0);
	assert_string_equal(said, "p");
	for (int i = 0; i < 4; i++)
		close(fds[i / 2][i % 2]);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percent),
		cmocka_unit_test(timeouts),
		cmocka_unit_test(heads),
		cmocka_unit_test(messages_in_pieces),
		cmocka_unit_test(messages_are_bounded),
		cmocka_unit_test(accounts_are_bounded),
		cmocka_unit_test(parsing),
		cmocka_unit_test(claims_are_bounded),
		cmocka_unit_test(snapshots),
		cmocka_unit_test(schema),
		cmocka_unit_test(session_memory),
		cmocka_unit_test(events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
