/* SPDX-License-Identifier: Apache-2.0 */
/* A verifier's state: the policy, its CAs and CRLs, and the AK certificates that were seen. */
#ifndef VERIFY_VERIFIER_H
#define VERIFY_VERIFIER_H

#include <pthread.h>

#include "ak.h"

/*
 * Each certificate has one place, which its digest says; another one may take it. Not much of an
 * attack: only certificates that a CA of the policy has signed get in.
 */
#define CLV_SEEN_MAX 1024u

struct clv_seen {
	uint8_t digest[CL_HASH_SIZE]; /* of the certificate */
	struct clv_ak ak;	      /* cert is NULL in an empty place */
};

struct cl_verifier {
	struct cl_policy policy;
	struct clv_trust trust;
	pthread_mutex_t lock; /* of seen */
	struct clv_seen seen[CLV_SEEN_MAX];
};

#endif
