// SPDX-License-Identifier: Apache-2.0
// Make a verifier of a policy.
#include <errno.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "checks.h"
#include "verifier.h"

int cl_verifier_create(const struct cl_policy *policy, struct cl_verifier **verifier,
		       char error[CL_ERROR_SIZE])
{
	struct cl_verifier *v;
	int rc;

	if (!verifier || !error)
		return -EINVAL;
	*verifier = NULL;
	if (!policy || !clv_policy_ok(policy)) {
		snprintf(error, CL_ERROR_SIZE, "the policy is malformed");
		return -EINVAL;
	}
	v = calloc(1, sizeof(*v));
	if (!v) {
		snprintf(error, CL_ERROR_SIZE, "out of memory");
		return -ENOMEM;
	}
	v->policy = *policy;
	pthread_mutex_init(&v->lock, NULL); /* always 0 on Linux */
	ERR_set_mark();
	rc = clv_trust_make(&v->trust, policy, error);
	ERR_pop_to_mark();
	if (rc) {
		cl_verifier_free(v);
		return rc;
	}
	*verifier = v;
	return 0;
}

void cl_verifier_free(struct cl_verifier *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < CLV_SEEN_MAX; i++)
		clv_ak_free(&v->seen[i].ak);
	clv_trust_free(&v->trust);
	pthread_mutex_destroy(&v->lock);
	free(v);
}
