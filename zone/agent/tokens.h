/* SPDX-License-Identifier: Apache-2.0 */
/* The Workload API's questions about tokens: new ones from the worker, others by the bundles. */
#ifndef ZONE_AGENT_TOKENS_H
#define ZONE_AGENT_TOKENS_H

#include "../../spiffe/bundle.h"
#include "worker.h"

/* Zeroed but for the worker. Of the loop's thread. */
struct tokens {
	struct worker *worker;
	struct spiffe_bundle bundle[BUNDLES_MAX];
	const struct spiffe_bundle *list[BUNDLES_MAX];
	size_t count;
};

/* For workload_backend (workload_api.h); the context is a struct tokens. */
void tokens_fetch(void *context, struct jwt_fetch *fetch);
int tokens_validate(void *context, const struct identities *ids, const char *audience,
		    const char *token, char spiffe_id[SPIFFE_ID_MAX + 1], json_t **claims,
		    const char **why);

/* A job is back; it is freed. */
void tokens_done(struct token_job *job);
/* What holds now; NULL: nothing. */
void tokens_update(struct tokens *tokens, const struct identities *ids);

#endif
