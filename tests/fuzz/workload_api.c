// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for a client's connection to the Workload API: whatever bytes it sends, in
 * whatever pieces, read or not, with updates between. Besides memory, the promises are: nothing of
 * another uid comes out; no more is held than may be; and nothing is held when the connection is
 * closed.
 */
#include <errno.h>

#include "../../agent/h2.h"
#include "../../agent/limits.h"
#include "../../agent/workload_api_in.h"
#include "fuzz.h"

#define UID	1000
#define SECRET	"the-key-of-another-uid"
#define TEXT(s) ((struct bytes){(const uint8_t *)(s), strlen(s)})

static struct loop *loop;
static struct workload_api *api;
static struct identities *snapshots[3];
static struct jwt_fetch *waiting[UID_FETCHES_MAX];
static size_t waiting_count;

static struct identities *make(const char *key)
{
	struct identities *ids = identities_new("spiffe://example.org");
	const struct identity other = {.uid = UID + 1,
				       .spiffe_id = "spiffe://example.org/" SECRET,
				       .hint = SECRET,
				       .chain = TEXT(SECRET),
				       .key = TEXT(SECRET)};
	const struct identity own = {.uid = UID,
				     .spiffe_id = "spiffe://example.org/own",
				     .hint = "own",
				     .chain = TEXT("chain"),
				     .key = TEXT(key)};
	const char *why;

	require(ids && !identities_add(ids, &other) && (!*key || !identities_add(ids, &own)));
	require(!identities_add_x509(ids, "spiffe://example.org", TEXT("certificates")));
	require(!identities_add_x509(ids, "spiffe://other.org", TEXT("certificates")));
	require(!identities_add_jwt(ids, "spiffe://example.org", TEXT("{\"keys\":[]}")));
	require(!identities_seal(ids, &why));
	return ids;
}

static void fetch_jwt(void *context, struct jwt_fetch *fetch)
{
	const char *tokens[IDENTITIES_MAX];

	require(fetch->uid == UID && fetch->count == 1 && fetch->audience_count);
	for (size_t i = 0; i < fetch->audience_count; i++)
		require(*fetch->audiences[i]);
	tokens[0] = "a.b.c";
	if (fetch->audiences[0][0] == 'n') {
		jwt_fetch_failed(fetch, GRPC_UNAVAILABLE, "no");
	} else if (fetch->audiences[0][0] == 'l') {
		require(waiting_count < UID_FETCHES_MAX);
		waiting[waiting_count++] = fetch;
	} else {
		jwt_fetch_done(fetch, tokens);
	}
}

static int validate_token(void *context, const struct identities *ids, const char *audience,
			  const char *token, char spiffe_id[SPIFFE_ID_MAX + 1], json_t **claims,
			  const char **why)
{
	require(*audience && *token);
	*why = "bad";
	strcpy(spiffe_id, "spiffe://example.org/x");
	// Any JSON that the fuzzer thinks of.
	*claims = json_loads(token, JSON_ALLOW_NUL, NULL);
	return *claims ? 0 : -EBADMSG;
}

static void answer_waiting(void)
{
	const char *tokens[IDENTITIES_MAX] = {"late.r.token"};

	while (waiting_count)
		jwt_fetch_done(waiting[--waiting_count], tokens);
}

static void wants(void *owner)
{
}

static bool drain(struct grpc_session *session)
{
	const uint8_t *out;
	ssize_t n;

	while ((n = h2_send(session->h2, &out)) > 0)
		require(!memmem(out, (size_t)n, SECRET, strlen(SECRET)));
	return n == 0 && !h2_over(session->h2);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct workload_backend backend = {.fetch_jwt = fetch_jwt,
						 .validate_jwt = validate_token};

	loop = loop_new();
	require(loop && (api = workload_api_new(loop, &backend)) != NULL);
	snapshots[0] = make("key");
	snapshots[1] = make("another key");
	snapshots[2] = make("");
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	uint8_t how = (uint8_t)take(&in, 1), step = (uint8_t)take(&in, 1);
	struct accounts all = {0};
	struct account *account = account_of(&all, UID, 1);
	struct grpc_session session;
	int64_t now = 1;
	bool alive;

	/* What it says itself may come back. */
	if (memmem(data, size, SECRET, 8)) {
		account_unref(account);
		return -1;
	}
	require(account && account_connect(account));
	workload_api_update(api, snapshots[0]);
	require(!grpc_open(&session, &api->service, account, wants, NULL));
	alive = drain(&session);
	for (unsigned turn = 1; alive && in.left; turn++) {
		size_t n = how & 1 ? 1 + step % 64u : 4096;
		uint8_t *piece;

		n = n < in.left ? n : in.left;
		piece = exact_copy(in.at, n);
		now += 1000000;
		alive = h2_receive(session.h2, piece, n, now) == 0;
		free(piece);
		in.at += n;
		in.left -= n;
		require(account->bytes <= UID_BYTES_MAX && account->bytes == all.bytes);
		require(account->calls <= CONNECTION_CALLS_MAX + 1);
		/* A client that does not read for a while. */
		if (alive && !(how & 2 && turn % 4))
			alive = drain(&session);
		if (how & 4 && turn % 3 == 0)
			workload_api_update(api, snapshots[turn / 3 % 3]);
		if (how & 8 && turn % 5 == 0)
			answer_waiting();
		loop_turn(loop, 0);
	}
	if (alive && how & 16) {
		grpc_end(&session);
		drain(&session);
	} else if (alive) {
		workload_api_update(api, snapshots[1]);
		drain(&session);
	}
	grpc_close(&session);
	answer_waiting();
	require(!api->views && !api->fetches);
	account_disconnect(account);
	require(!account->bytes && !account->calls && !account->fetches &&
		account->references == 1);
	account_unref(account);
	require(!all.first && !all.bytes && !all.connections && !all.fetches);
	return 0;
}
