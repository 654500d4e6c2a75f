/* SPDX-License-Identifier: Apache-2.0 */
/* JWT-SVIDs that a user of the zone waits for: from the Workload API to the worker, and back. */
#ifndef ZONE_AGENT_TOKEN_H
#define ZONE_AGENT_TOKEN_H

#include <cloister/verify.h>
#include "../../agent/workload_api.h"

struct token_job {
	struct token_job *next;
	struct jwt_fetch *fetch;	/* the loop's thread's only */
	char **id, **audience, **token; /* a token for each ID; those that were made */
	size_t nr_ids, nr_audiences;
	enum grpc_status status; /* GRPC_OK: all were made */
	char why[CL_ERROR_SIZE];
};

/* NULL: no memory. */
struct token_job *token_job_new(struct jwt_fetch *fetch);
void token_job_free(struct token_job *job);

#endif
