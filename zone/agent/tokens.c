// SPDX-License-Identifier: Apache-2.0
#include "tokens.h"
#include <errno.h>
#include <string.h>
#include "../../spiffe/jwt.h"

#define LEEWAY 60 // seconds; a zone's clock is its host's

void tokens_fetch(void *context, struct jwt_fetch *fetch)
{
	const struct tokens *tokens = context;
	struct token_job *job = token_job_new(fetch);

	if (job)
		worker_ask(tokens->worker, job);
	else
		jwt_fetch_failed(fetch, GRPC_RESOURCE_EXHAUSTED, "no memory");
}

void tokens_done(struct token_job *job)
{
	if (job->status == GRPC_OK)
		jwt_fetch_done(job->fetch, (const char *const *)job->token);
	else
		jwt_fetch_failed(job->fetch, job->status, job->why);
	token_job_free(job);
}

void tokens_update(struct tokens *t, const struct identities *ids)
{
	const char *why;

	while (t->count)
		spiffe_bundle_free(&t->bundle[--t->count]);
	for (size_t i = 0; ids && i < ids->jwt_count; i++) {
		const struct bundle *from = &ids->jwt[i];
		struct spiffe_bundle *to = &t->bundle[t->count];
		// The fetch has made it from one that it could read.
		if (spiffe_bundle_read_jwt(to, from->domain + strlen(SPIFFE_SCHEME),
					   (const char *)from->content.data, from->content.size,
					   &why))
			continue;
		t->list[t->count++] = to;
	}
}

int tokens_validate(void *context, const struct identities *ids, const char *audience,
		    const char *token, char spiffe_id[SPIFFE_ID_MAX + 1], json_t **claims,
		    const char **why)
{
	const struct tokens *t = context;
	const struct spiffe_bundles bundles = {t->list, t->count};
	const struct spiffe_jwt_question question = {
		.audience = audience, .bundles = &bundles, .now = time(NULL), .leeway = LEEWAY};
	struct spiffe_id sub;
	int rc = spiffe_jwt_check(token, strlen(token), &question, &sub, claims, why);

	if (!rc)
		memcpy(spiffe_id, sub.text, sub.size + 1);
	return rc;
}
