/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SPIFFE Workload API (SPIFFE_Workload_API.md, SPIFFE_Workload_Endpoint.md) on a unix socket,
 * with gRPC server reflection. Callers are known by their uid (peer.h); what they may hold, and so
 * how much memory all this takes at most, is said in limits.h. All of it runs on the loop's one
 * thread.
 *
 * Codes: INVALID_ARGUMENT without the metadata workload.spiffe.io: true, without audience or token,
 * or for a token that is not valid; UNAVAILABLE before the first snapshot and when the server ends;
 * PERMISSION_DENIED for a uid without identity, and at the end of its streams when it has none any
 * more; RESOURCE_EXHAUSTED beyond its limits; UNIMPLEMENTED for the WIT profile.
 */
#ifndef AGENT_WORKLOAD_API_H
#define AGENT_WORKLOAD_API_H

#include <jansson.h>
#include "grpc_text.h"
#include "identity.h"

struct loop;
struct workload_api;

/* JWT-SVIDs that a caller wants: one for each of some identities of its own. */
struct jwt_fetch {
	uid_t uid;
	const struct identity *const *wanted;
	size_t count; /* 1 to IDENTITIES_MAX */
	const char *const *audiences;
	size_t audience_count; /* 1 to AUDIENCES_MAX; none is empty */
};

/* Who knows what the server does not. */
struct workload_backend {
	void *context;
	/*
	 * Begin to get tokens. One of jwt_fetch_done() and jwt_fetch_failed() is called exactly
	 * once, from here or later on the loop's thread; also if the caller has gone meanwhile
	 * (jwt_fetch_cancelled()), and even when the server has been freed.
	 */
	void (*fetch_jwt)(void *context, struct jwt_fetch *fetch);
	/*
	 * Is this a JWT-SVID for this audience, by the JWT bundles of the snapshot? 0 with its
	 * SPIFFE ID and its claims (a new reference), or a negative errno and a sentence that lives
	 * on.
	 */
	int (*validate_jwt)(void *context, const struct identities *ids, const char *audience,
			    const char *token, char spiffe_id[SPIFFE_ID_MAX + 1], json_t **claims,
			    const char **why);
};

/* The tokens, JWS Compact Serialization, in the order of `wanted`; they are copied. */
void jwt_fetch_done(struct jwt_fetch *fetch, const char *const *tokens);
/* `why` is for people; it is copied. */
void jwt_fetch_failed(struct jwt_fetch *fetch, enum grpc_status status, const char *why);
bool jwt_fetch_cancelled(const struct jwt_fetch *fetch);

/* NULL: no memory. The loop and what the backend needs outlive it. */
struct workload_api *workload_api_new(struct loop *loop, const struct workload_backend *backend);
/* Listen (listen.h), once. 0, or a negative errno and why. */
int workload_api_listen(struct workload_api *api, const char *path, const char **why);
/*
 * What holds from now on: a sealed snapshot, of which it takes a reference; NULL: nothing is known.
 * Every open stream that it changes something for gets a whole new message.
 */
void workload_api_update(struct workload_api *api, struct identities *ids);
/* End in good order (server.h); then, on the loop, ended() is called: workload_api_free() is its
 * due. */
void workload_api_end(struct workload_api *api, void (*ended)(void *context), void *context);
/* At once. Not from within a callback of the API. */
void workload_api_free(struct workload_api *api);

#endif
