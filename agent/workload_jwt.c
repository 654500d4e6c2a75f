// SPDX-License-Identifier: Apache-2.0
// JWT-SVIDs: fetched by the producer, which takes its time, and validated.
#include "workload_api_in.h"
#include <stdlib.h>
#include <string.h>
#include <workload.pb-c.h>
#include "blob.h"
#include "limits.h"
#include "wire.h"

// For a request and what is made of it.
#define FETCH_BYTES ((size_t)2 * REQUEST_MAX)

// A request to the producer. It outlives its call, and the server.
struct fetch {
	struct jwt_fetch request; // first: the producer's pointer to it is one to this
	struct workload_api *api; // NULL: freed
	struct grpc_call *call;	  // NULL: over
	struct account *account;
	struct identities *ids;
	struct arena arena;
	size_t charged;
	struct fetch *before, *after;
};

static struct fetch *fetch_of(const struct jwt_fetch *request)
{
	return (struct fetch *)(uintptr_t)request;
}

static void leave(struct workload_api *api, struct fetch *fetch)
{
	account_give(fetch->account, fetch->charged);
	account_fetch_over(fetch->account);
	account_unref(fetch->account);
	if (fetch->before)
		fetch->before->after = fetch->after;
	else
		api->fetches = fetch->after;
	if (fetch->after)
		fetch->after->before = fetch->before;
	fetch->api = NULL;
}

static void over(struct fetch *fetch)
{
	if (fetch->call)
		fetch->call->state = NULL;
	if (fetch->api)
		leave(fetch->api, fetch);
	identities_unref(fetch->ids);
	arena_empty(&fetch->arena);
	free(fetch);
}

void fetches_leave(struct workload_api *api)
{
	struct fetch *next;

	for (struct fetch *fetch = api->fetches; fetch; fetch = next) {
		next = fetch->after;
		leave(api, fetch);
	}
}

static void fetch_closed(struct grpc_call *call)
{
	struct fetch *fetch = call->state;

	if (fetch)
		fetch->call = NULL;
	call->state = NULL;
}

bool jwt_fetch_cancelled(const struct jwt_fetch *request)
{
	const struct fetch *fetch = fetch_of(request);

	return !fetch->call || fetch->call->finished;
}

void jwt_fetch_failed(struct jwt_fetch *request, enum grpc_status status, const char *why)
{
	struct fetch *fetch = fetch_of(request);

	if (fetch->call)
		grpc_finish(fetch->call, status, why);
	over(fetch);
}

// Is this still the caller's, as things are now?
static bool still_has(const struct identities *ids, uid_t uid, const struct identity *wanted)
{
	for (size_t i = 0; ids && i < ids->count; i++) {
		if (identity_is_for(&ids->entries[i], uid) &&
		    !strcmp(ids->entries[i].spiffe_id, wanted->spiffe_id))
			return true;
	}
	return false;
}

void jwt_fetch_done(struct jwt_fetch *request, const char *const *tokens)
{
	struct fetch *fetch = fetch_of(request);
	struct grpc_call *call = fetch->call;

	if (jwt_fetch_cancelled(request)) {
		over(fetch);
		return;
	}
	for (size_t i = 0; i < request->count; i++) {
		if (!still_has(fetch->api->ids, request->uid, request->wanted[i])) {
			jwt_fetch_failed(request, GRPC_PERMISSION_DENIED, "no identity issued");
			return;
		}
	}
	struct message m =
		message_jwt_svids(request->wanted, tokens, request->count, fetch->account);
	if (!m.status)
		grpc_send(call, m.blob);
	grpc_finish(call, m.status, m.why);
	over(fetch);
}

static bool choose(struct fetch *fetch, const char *spiffe_id)
{
	const struct identities *ids = fetch->ids;
	const struct identity **wanted = arena_array(&fetch->arena, ids->count, sizeof(void *));

	for (size_t i = 0; wanted && i < ids->count; i++) {
		const struct identity *e = &ids->entries[i];

		if (identity_is_for(e, fetch->request.uid) &&
		    (!*spiffe_id || !strcmp(spiffe_id, e->spiffe_id)))
			wanted[fetch->request.count++] = e;
	}
	fetch->request.wanted = wanted;
	return wanted != NULL;
}

// The message is gone when the call has been asked: copies.
static bool copy_audiences(struct fetch *fetch, const JWTSVIDRequest *request)
{
	const char **audiences = arena_array(&fetch->arena, request->n_audience, sizeof(void *));

	for (size_t i = 0; audiences && i < request->n_audience; i++) {
		audiences[i] = arena_text(&fetch->arena, request->audience[i]);
		if (!audiences[i])
			return false;
	}
	fetch->request.audiences = audiences;
	fetch->request.audience_count = request->n_audience;
	return audiences != NULL;
}

static bool charge(struct fetch *fetch)
{
	size_t size = sizeof(*fetch) + FETCH_BYTES - fetch->arena.left;

	if (!account_take(fetch->account, size))
		return false;
	fetch->charged = size;
	return true;
}

static void begin_fetch(struct grpc_call *call, const JWTSVIDRequest *request)
{
	struct workload_api *api = api_of(call);
	struct account *account = call->session->account;
	bool may = account_fetch(account);
	struct fetch *fetch = may ? calloc(1, sizeof(*fetch)) : NULL;

	if (!fetch) {
		if (may)
			account_fetch_over(account);
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED, "too many JWT-SVIDs are being fetched");
		return;
	}
	fetch->api = api;
	fetch->call = call;
	fetch->account = account_ref(account);
	fetch->ids = identities_ref(api->ids);
	fetch->arena.left = FETCH_BYTES;
	fetch->request.uid = account->uid;
	fetch->after = api->fetches;
	if (fetch->after)
		fetch->after->before = fetch;
	api->fetches = fetch;
	call->state = fetch;
	if (!choose(fetch, request->spiffe_id) || !copy_audiences(fetch, request) || !charge(fetch))
		jwt_fetch_failed(&fetch->request, GRPC_RESOURCE_EXHAUSTED, "there is no memory");
	else if (!fetch->request.count)
		jwt_fetch_failed(&fetch->request, GRPC_PERMISSION_DENIED,
				 "this identity is not issued to the caller");
	else
		api->backend.fetch_jwt(api->backend.context, &fetch->request);
}

static bool audiences_ok(const JWTSVIDRequest *request)
{
	for (size_t i = 0; i < request->n_audience; i++) {
		if (!*request->audience[i])
			return false;
	}
	return request->n_audience && request->n_audience <= AUDIENCES_MAX;
}

static void jwt_svid_asked(struct grpc_call *call, const uint8_t *message, size_t size)
{
	struct arena arena = {.left = SCRATCH_MAX};
	const JWTSVIDRequest *request = (const JWTSVIDRequest *)wire_parse(
		&jwtsvidrequest__descriptor, message, size, &arena);
	const char *why = NULL;
	enum grpc_status status;

	if (!request)
		grpc_finish(call, GRPC_INVALID_ARGUMENT, "the request is malformed");
	else if (!audiences_ok(request))
		grpc_finish(call, GRPC_INVALID_ARGUMENT,
			    "there has to be an audience, at most 32, and none may be empty");
	else if ((status = message_admits(api_of(call)->ids, call->session->account->uid, &why)))
		grpc_finish(call, status, why);
	else
		begin_fetch(call, request);
	arena_empty(&arena);
}

static void validate(struct grpc_call *call, const ValidateJWTSVIDRequest *request)
{
	struct workload_api *api = api_of(call);
	char spiffe_id[SPIFFE_ID_MAX + 1] = "";
	const char *why = "the token is not valid";
	json_t *claims = NULL;

	if (api->backend.validate_jwt(api->backend.context, api->ids, request->audience,
				      request->svid, spiffe_id, &claims, &why)) {
		grpc_finish(call, GRPC_INVALID_ARGUMENT, why);
	} else {
		struct message m = message_validated(spiffe_id, claims, call->session->account);
		if (!m.status)
			grpc_send(call, m.blob);
		grpc_finish(call, m.status, m.why);
	}
	json_decref(claims);
}

static void validate_asked(struct grpc_call *call, const uint8_t *message, size_t size)
{
	struct arena arena = {.left = SCRATCH_MAX};
	const ValidateJWTSVIDRequest *request = (const ValidateJWTSVIDRequest *)wire_parse(
		&validate_jwtsvidrequest__descriptor, message, size, &arena);
	const char *why = NULL;
	enum grpc_status status;

	if (!request)
		grpc_finish(call, GRPC_INVALID_ARGUMENT, "the request is malformed");
	else if (!*request->audience)
		grpc_finish(call, GRPC_INVALID_ARGUMENT, "there has to be an audience");
	else if (!*request->svid)
		grpc_finish(call, GRPC_INVALID_ARGUMENT, "there has to be a token");
	else if ((status = message_admits(api_of(call)->ids, call->session->account->uid, &why)))
		grpc_finish(call, status, why);
	else
		validate(call, request);
	arena_empty(&arena);
}

const struct grpc_method fetch_jwt_svid = {.path = "/SpiffeWorkloadAPI/FetchJWTSVID",
					   .request = jwt_svid_asked,
					   .closed = fetch_closed};
const struct grpc_method validate_jwt = {.path = "/SpiffeWorkloadAPI/ValidateJWTSVID",
					 .request = validate_asked};
