// SPDX-License-Identifier: Apache-2.0
// The Workload API without a socket: what goes to which uid and when, and what each may hold.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <workload.pb-c.h>
#include "workload_client.h"
#include "../../agent/limits.h"

#define OWN	"spiffe://example.org"
#define OTHER	"spiffe://other.example"
#define TEXT(s) ((struct bytes){(const uint8_t *)(s), strlen(s)})
#define API	"/SpiffeWorkloadAPI/"

static const uint8_t nothing[5];
static struct loop *loop;
static struct workload_api *api;
static struct accounts all;
static struct jwt_fetch *fetching[UID_FETCHES_MAX];
static size_t fetching_count;

static void fetch_jwt(void *context, struct jwt_fetch *fetch)
{
	assert_true(fetching_count < UID_FETCHES_MAX);
	fetching[fetching_count++] = fetch;
}

static int validate_token(void *context, const struct identities *ids, const char *audience,
			  const char *token, char spiffe_id[SPIFFE_ID_MAX + 1], json_t **claims,
			  const char **why)
{
	*why = "expired";
	return -EBADMSG;
}

static int setup(void **state)
{
	const struct workload_backend backend = {.fetch_jwt = fetch_jwt,
						 .validate_jwt = validate_token};

	loop = loop_new();
	api = workload_api_new(loop, &backend);
	memset(&all, 0, sizeof(all));
	fetching_count = 0;
	assert_true(loop && api);
	return 0;
}

static int teardown(void **state)
{
	workload_api_free(api);
	loop_free(loop);
	// Everything that was charged has been given back.
	assert_null(all.first);
	assert_int_equal(all.bytes + all.connections + all.fetches, 0);
	return 0;
}

static struct identities *begin(void)
{
	struct identities *ids = identities_new(OWN);

	assert_non_null(ids);
	assert_int_equal(identities_add_x509(ids, OWN, TEXT("CAs")), 0);
	assert_int_equal(identities_add_jwt(ids, OWN, TEXT("{\"keys\":[]}")), 0);
	return ids;
}

static void add(struct identities *ids, uid_t uid, const char *id, const char *key)
{
	const struct identity e = {.everyone = uid == (uid_t)-1,
				   .uid = uid,
				   .spiffe_id = id,
				   .hint = "",
				   .chain = TEXT("chain"),
				   .key = TEXT(key)};

	assert_int_equal(identities_add(ids, &e), 0);
}

static void publish(struct identities *ids)
{
	const char *why;

	assert_int_equal(identities_seal(ids, &why), 0);
	workload_api_update(api, ids);
	identities_unref(ids);
}

static void publish_one(uid_t uid, const char *id, const char *key)
{
	struct identities *ids = begin();

	add(ids, uid, id, key);
	publish(ids);
}

static X509SVIDResponse *last_svids(const struct client_call *call, size_t want)
{
	const uint8_t *data;
	size_t size;

	assert_int_equal(client_messages(call, &data, &size), want);
	X509SVIDResponse *r = x509_svidresponse__unpack(NULL, size, data);
	assert_non_null(r);
	return r;
}

static void expect_key(const struct client_call *call, size_t messages, const char *key)
{
	X509SVIDResponse *r = last_svids(call, messages);

	assert_int_equal(r->n_svids, 1);
	assert_int_equal(r->svids[0]->x509_svid_key.len, strlen(key));
	assert_memory_equal(r->svids[0]->x509_svid_key.data, key, strlen(key));
	x509_svidresponse__free_unpacked(r, NULL);
}

static void uids_get_their_own(void **state)
{
	struct client a, b, c;
	struct identities *ids = begin();

	add(ids, 1, OWN "/a", "key a");
	add(ids, (uid_t)-1, OWN "/all", "key all");
	add(ids, 2, OWN "/b", "key b");
	publish(ids);
	client_open(&a, api, &all, 1, 65535);
	client_open(&b, api, &all, 2, 65535);
	client_open(&c, api, &all, 3, 65535);
	X509SVIDResponse *r =
		last_svids(client_call(&a, API "FetchX509SVID", "true", nothing, 5), 1);
	assert_int_equal(r->n_svids, 2);
	assert_string_equal(r->svids[0]->spiffe_id, OWN "/a");
	assert_string_equal(r->svids[1]->spiffe_id, OWN "/all");
	x509_svidresponse__free_unpacked(r, NULL);
	r = last_svids(client_call(&b, API "FetchX509SVID", "true", nothing, 5), 1);
	assert_int_equal(r->n_svids, 2);
	assert_string_equal(r->svids[1]->spiffe_id, OWN "/b");
	x509_svidresponse__free_unpacked(r, NULL);
	r = last_svids(client_call(&c, API "FetchX509SVID", "true", nothing, 5), 1);
	assert_int_equal(r->n_svids, 1);
	x509_svidresponse__free_unpacked(r, NULL);
	client_close(&a);
	client_close(&b);
	client_close(&c);
}

static void statuses(void **state)
{
	static const char *const methods[] = {API "FetchX509SVID", API "FetchX509Bundles",
					      API "FetchJWTBundles"};
	struct client c;

	client_open(&c, api, &all, 1, 65535);
	for (size_t i = 0; i < 3; i++) {
		const struct client_call *call = client_call(&c, methods[i], "true", nothing, 5);
		assert_int_equal(call->http, 200);
		assert_int_equal(call->status, GRPC_UNAVAILABLE);
		assert_true(call->ended);
	}
	publish_one(2, OWN "/other", "key");
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(client_call(&c, methods[i], "true", nothing, 5)->status,
				 GRPC_PERMISSION_DENIED);
	publish_one(1, OWN "/own", "key");
	for (size_t i = 0; i < 3; i++) {
		const struct client_call *call = client_call(&c, methods[i], "true", nothing, 5);
		assert_int_equal(call->status, -1);
		assert_false(call->ended);
		assert_int_equal(client_call(&c, methods[i], NULL, nothing, 5)->status,
				 GRPC_INVALID_ARGUMENT);
		assert_int_equal(client_call(&c, methods[i], "TRUE", nothing, 5)->status,
				 GRPC_INVALID_ARGUMENT);
	}
	assert_int_equal(client_call(&c, API "FetchWITSVID", "true", nothing, 5)->status,
			 GRPC_UNIMPLEMENTED);
	assert_int_equal(client_call(&c, API "FetchWITSVID", NULL, nothing, 5)->status,
			 GRPC_INVALID_ARGUMENT);
	assert_int_equal(client_call(&c, API "FetchAll", "true", nothing, 5)->status,
			 GRPC_UNIMPLEMENTED);
	// One byte that is no field.
	const uint8_t bad[] = {0, 0, 0, 0, 1, 0xff};
	assert_int_equal(client_call(&c, methods[0], "true", bad, 6)->status,
			 GRPC_INVALID_ARGUMENT);
	client_close(&c);
}

static void updates_come_once(void **state)
{
	struct client c;
	struct identities *ids;

	client_open(&c, api, &all, 1, 65535);
	publish_one(1, OWN "/own", "key 1");
	const struct client_call *call = client_call(&c, API "FetchX509SVID", "true", nothing, 5);
	expect_key(call, 1, "key 1");
	publish_one(1, OWN "/own", "key 1");
	client_pump(&c);
	expect_key(call, 1, "key 1");
	// Something of another uid.
	ids = begin();
	add(ids, 1, OWN "/own", "key 1");
	add(ids, 2, OWN "/other", "key");
	publish(ids);
	client_pump(&c);
	expect_key(call, 1, "key 1");
	publish_one(1, OWN "/own", "key 2");
	client_pump(&c);
	expect_key(call, 2, "key 2");
	// A bundle that came, in another order.
	for (int i = 0; i < 2; i++) {
		ids = identities_new(OWN);
		assert_int_equal(identities_add_x509(ids, i ? OWN : OTHER, TEXT("CAs")), 0);
		assert_int_equal(identities_add_x509(ids, i ? OTHER : OWN, TEXT("CAs")), 0);
		add(ids, 1, OWN "/own", "key 2");
		publish(ids);
		client_pump(&c);
		expect_key(call, 3, "key 2");
	}
	publish_one(2, OWN "/other", "key");
	client_pump(&c);
	assert_true(call->ended);
	assert_int_equal(call->status, GRPC_PERMISSION_DENIED);
	expect_key(call, 3, "key 2");
	client_close(&c);
}

static void slow_readers_get_the_latest(void **state)
{
	struct client c;
	char key[16];

	// Room for nothing: what is waiting is replaced.
	client_open(&c, api, &all, 1, 0);
	publish_one(1, OWN "/own", "key 0");
	struct client_call *call = client_call(&c, API "FetchX509SVID", "true", nothing, 5);
	size_t bytes = c.account->bytes;
	for (int i = 1; i < 100; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		publish_one(1, OWN "/own", key);
		client_pump(&c);
	}
	assert_in_range(c.account->bytes, 1, bytes + 1000);
	nghttp2_submit_window_update(c.h2, 0, 1, 10000);
	client_pump(&c);
	expect_key(call, 1, "key 99");
	// Redacted before it was read: never shown.
	publish_one(1, OWN "/own", "key 100");
	client_pump(&c);
	call = client_call(&c, API "FetchX509SVID", "true", nothing, 5);
	publish_one(2, OWN "/other", "key");
	nghttp2_submit_window_update(c.h2, 0, 3, 10000);
	client_pump(&c);
	assert_int_equal(call->status, GRPC_PERMISSION_DENIED);
	assert_int_equal(call->size, 0);
	client_close(&c);
}

static void slow_readers_are_bounded(void **state)
{
	static char big[1 << 19];
	static struct client slow[30];
	struct client good;

	memset(big, 'k', sizeof(big) - 1);
	client_open(&good, api, &all, 1, 1 << 30);
	struct client_call *call = NULL;
	for (size_t i = 0; i < 30; i++) {
		big[0] = (char)('a' + i);
		publish_one(1, OWN "/own", big);
		if (!i)
			call = client_call(&good, API "FetchX509Bundles", "true", nothing, 5);
		// Each takes some bytes of its version.
		client_open(&slow[i], api, &all, 1, 100);
		client_call(&slow[i], API "FetchX509SVID", "true", nothing, 5);
		assert_true(all.bytes <= UID_BYTES_MAX);
	}
	// The oldest have had to go, and the uid is still served.
	client_pump(&slow[0]);
	assert_true(slow[0].calls[0].ended);
	assert_int_equal(slow[0].calls[0].reset, NGHTTP2_ENHANCE_YOUR_CALM);
	assert_false(slow[29].calls[0].ended);
	assert_false(call->ended);
	for (size_t i = 0; i < 30; i++)
		client_close(&slow[i]);
	client_close(&good);
}

static const uint8_t jwt_request[] = {0, 0, 0, 0, 5, 0x0a, 3, 'a', 'u', 'd'};

static void tokens_come_later(void **state)
{
	static const char *const tokens[] = {"token"};
	struct client c;
	const uint8_t *data;
	size_t size;

	publish_one(1, OWN "/own", "key");
	client_open(&c, api, &all, 1, 65535);
	const struct client_call *call =
		client_call(&c, API "FetchJWTSVID", "true", jwt_request, sizeof(jwt_request));
	assert_int_equal(fetching_count, 1);
	assert_string_equal(fetching[0]->audiences[0], "aud");
	assert_string_equal(fetching[0]->wanted[0]->spiffe_id, OWN "/own");
	assert_false(call->ended);
	jwt_fetch_done(fetching[0], tokens);
	client_pump(&c);
	assert_int_equal(call->status, GRPC_OK);
	assert_int_equal(client_messages(call, &data, &size), 1);
	JWTSVIDResponse *r = jwtsvidresponse__unpack(NULL, size, data);
	assert_string_equal(r->svids[0]->svid, "token");
	jwtsvidresponse__free_unpacked(r, NULL);
	// Refused by the producer.
	call = client_call(&c, API "FetchJWTSVID", "true", jwt_request, sizeof(jwt_request));
	jwt_fetch_failed(fetching[1], GRPC_UNAVAILABLE, "50%\n");
	client_pump(&c);
	assert_int_equal(call->status, GRPC_UNAVAILABLE);
	assert_string_equal(call->message, "50%25%0A");
	// Taken away meanwhile.
	call = client_call(&c, API "FetchJWTSVID", "true", jwt_request, sizeof(jwt_request));
	publish_one(2, OWN "/own", "key");
	jwt_fetch_done(fetching[2], tokens);
	client_pump(&c);
	assert_int_equal(call->status, GRPC_PERMISSION_DENIED);
	client_close(&c);
}

static void fetches_outlive_calls(void **state)
{
	static const char *const tokens[] = {"token"};
	struct client c, other;

	publish_one((uid_t)-1, OWN "/own", "key");
	client_open(&c, api, &all, 1, 65535);
	for (size_t i = 0; i < UID_FETCHES_MAX; i++) {
		const struct client_call *call = client_call(&c, API "FetchJWTSVID", "true",
							     jwt_request, sizeof(jwt_request));
		assert_false(jwt_fetch_cancelled(fetching[i]));
		client_cancel(&c, call);
		assert_true(jwt_fetch_cancelled(fetching[i]));
	}
	// They count until they are answered, and for their own uid only.
	assert_int_equal(
		client_call(&c, API "FetchJWTSVID", "true", jwt_request, sizeof(jwt_request))
			->status,
		GRPC_RESOURCE_EXHAUSTED);
	for (size_t i = 0; i < UID_FETCHES_MAX; i++) {
		if (i % 2)
			jwt_fetch_done(fetching[i], tokens);
		else
			jwt_fetch_failed(fetching[i], GRPC_INTERNAL, "no");
	}
	fetching_count = 0;
	client_open(&other, api, &all, 2, 65535);
	const struct client_call *call =
		client_call(&other, API "FetchJWTSVID", "true", jwt_request, sizeof(jwt_request));
	assert_int_equal(fetching_count, 1);
	assert_false(call->ended);
	client_close(&c);
	client_close(&other);
	// And the server.
	workload_api_free(api);
	api = NULL;
	assert_true(jwt_fetch_cancelled(fetching[0]));
	jwt_fetch_done(fetching[0], tokens);
}

static void requests_are_checked(void **state)
{
	static const struct {
		const char *method;
		uint8_t request[24];
		size_t size;
		int status;
	} cases[] = {
		{API "FetchJWTSVID", {0, 0, 0, 0, 0}, 5, GRPC_INVALID_ARGUMENT},
		{API "FetchJWTSVID", {0, 0, 0, 0, 2, 0x0a, 0}, 7, GRPC_INVALID_ARGUMENT},
		{API "FetchJWTSVID",
		 {0, 0, 0, 0, 5, 0x0a, 3, 'a', 0, 'b'},
		 10,
		 GRPC_INVALID_ARGUMENT},
		{API "FetchJWTSVID", {0, 0, 0, 0, 3, 0x0a, 1, 0xff}, 8, GRPC_INVALID_ARGUMENT},
		{API "FetchJWTSVID",
		 {0, 0, 0, 0, 6, 0x0a, 1, 'a', 0x12, 1, 'x'},
		 11,
		 GRPC_PERMISSION_DENIED},
		{API "ValidateJWTSVID", {0, 0, 0, 0, 3, 0x0a, 1, 'a'}, 8, GRPC_INVALID_ARGUMENT},
		{API "ValidateJWTSVID", {0, 0, 0, 0, 3, 0x12, 1, 'a'}, 8, GRPC_INVALID_ARGUMENT},
		{API "FetchJWTSVID", {0, 0, 0, 0, 9, 0x0a, 1, 'a'}, 8, GRPC_INTERNAL},
		{API "FetchJWTSVID", {0, 0, 0, 0, 1, 0x0a, 1, 'a'}, 8, GRPC_UNIMPLEMENTED},
		{API "FetchJWTSVID", {1, 0, 0, 0, 3, 0x0a, 1, 'a'}, 8, GRPC_UNIMPLEMENTED},
		{API "FetchJWTSVID", {2, 0, 0, 0, 3, 0x0a, 1, 'a'}, 8, GRPC_INTERNAL},
		{API "FetchJWTSVID", {0, 0, 1, 0, 1, 0x0a, 1, 'a'}, 8, GRPC_RESOURCE_EXHAUSTED},
		{API "FetchJWTSVID", {0}, 0, GRPC_UNIMPLEMENTED},
	};
	struct client c;

	publish_one(1, OWN "/own", "key");
	client_open(&c, api, &all, 1, 65535);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct client_call *call =
			client_call(&c, cases[i].method, "true", cases[i].request, cases[i].size);
		assert_int_equal(call->status, cases[i].status);
	}
	assert_int_equal(fetching_count, 0);
	const uint8_t both[] = {0, 0, 0, 0, 6, 0x0a, 1, 'a', 0x12, 1, 'b'};
	const struct client_call *call =
		client_call(&c, API "ValidateJWTSVID", "true", both, sizeof(both));
	assert_int_equal(call->status, GRPC_INVALID_ARGUMENT);
	assert_string_equal(call->message, "expired");
	client_close(&c);
}

static void calls_are_counted(void **state)
{
	static struct client c[6], other;
	size_t open = 0;

	publish_one((uid_t)-1, OWN "/own", "key");
	for (size_t i = 0; i < 6; i++) {
		client_open(&c[i], api, &all, 1, 65535);
		for (size_t k = 0; k < CONNECTION_CALLS_MAX; k++) {
			const struct client_call *call =
				client_call(&c[i], API "FetchX509SVID", "true", nothing, 5);
			if (call->ended)
				assert_int_equal(call->reset, NGHTTP2_REFUSED_STREAM);
			else
				open++;
		}
	}
	assert_int_equal(open, UID_CALLS_MAX);
	client_open(&other, api, &all, 2, 65535);
	expect_key(client_call(&other, API "FetchX509SVID", "true", nothing, 5), 1, "key");
	client_close(&other);
	for (size_t i = 0; i < 6; i++)
		client_close(&c[i]);
}

static void floods_end(void **state)
{
	struct client c;

	publish_one(1, OWN "/own", "key");
	client_open(&c, api, &all, 1, 65535);
	for (int i = 0; i < FRAME_PURSE / COST_PING / 2; i++)
		nghttp2_submit_ping(c.h2, 0, NULL);
	client_pump(&c);
	expect_key(client_call(&c, API "FetchX509SVID", "true", nothing, 5), 1, "key");
	for (int i = 0; i < 2 * FRAME_PURSE / COST_PING; i++)
		nghttp2_submit_ping(c.h2, 0, NULL);
	client_pump(&c);
	assert_int_equal(c.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
	client_close(&c);
}

static void end_says_so(void **state)
{
	struct client c;

	publish_one(1, OWN "/own", "key");
	client_open(&c, api, &all, 1, 65535);
	const struct client_call *call = client_call(&c, API "FetchX509SVID", "true", nothing, 5);
	grpc_end(&c.session);
	client_pump(&c);
	assert_int_equal(call->status, GRPC_UNAVAILABLE);
	assert_int_equal(client_messages(call, &(const uint8_t *){0}, &(size_t){0}), 1);
	client_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(uids_get_their_own, setup, teardown),
		cmocka_unit_test_setup_teardown(statuses, setup, teardown),
		cmocka_unit_test_setup_teardown(updates_come_once, setup, teardown),
		cmocka_unit_test_setup_teardown(slow_readers_get_the_latest, setup, teardown),
		cmocka_unit_test_setup_teardown(slow_readers_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(tokens_come_later, setup, teardown),
		cmocka_unit_test_setup_teardown(fetches_outlive_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(requests_are_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(calls_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(floods_end, setup, teardown),
		cmocka_unit_test_setup_teardown(end_says_so, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
