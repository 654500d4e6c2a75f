// SPDX-License-Identifier: Apache-2.0
#include "token.h"
#include <stdlib.h>
#include <string.h>

static void free_list(char **list, size_t count)
{
	for (size_t i = 0; list && i < count; i++)
		free(list[i]);
	free(list);
}

void token_job_free(struct token_job *job)
{
	if (!job)
		return;
	free_list(job->id, job->nr_ids);
	free_list(job->audience, job->nr_audiences);
	free_list(job->token, job->nr_ids);
	free(job);
}

struct token_job *token_job_new(struct jwt_fetch *fetch)
{
	struct token_job *job = calloc(1, sizeof(*job));
	bool whole;

	if (!job)
		return NULL;
	job->fetch = fetch;
	job->nr_ids = fetch->count;
	job->nr_audiences = fetch->audience_count;
	job->id = calloc(job->nr_ids, sizeof(*job->id));
	job->audience = calloc(job->nr_audiences, sizeof(*job->audience));
	job->token = calloc(job->nr_ids, sizeof(*job->token));
	whole = job->id && job->audience && job->token;
	for (size_t i = 0; whole && i < job->nr_ids; i++)
		whole = (job->id[i] = strdup(fetch->wanted[i]->spiffe_id));
	for (size_t i = 0; whole && i < job->nr_audiences; i++)
		whole = (job->audience[i] = strdup(fetch->audiences[i]));
	if (whole)
		return job;
	token_job_free(job);
	return NULL;
}
