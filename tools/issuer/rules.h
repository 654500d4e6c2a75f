/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the issuer goes by: its policy and the verifier's, read together, replaced together, and
 * kept for as long as a channel that began with them.
 */
#ifndef CLOISTER_ISSUER_RULES_H
#define CLOISTER_ISSUER_RULES_H

#include "../../issuer/authority.h"

struct rules_source {
	const char *policy, *verifier_policy; /* files */
	const char *domain;		      /* whose policy it has to be */
	enum cl_verdict least;
	uint32_t life; /* of signing keys, in seconds; what they sign ends well before */
};

struct rules;

/* 0 or a negative errno with the sentence; -> rules_close(). The source must outlive them. */
int rules_open(const struct rules_source *source, struct rules **rules, char error[CL_ERROR_SIZE]);
/* Read the files again. On an error all is as it was. For one thread. */
int rules_reload(struct rules *rules, char error[CL_ERROR_SIZE]);
/* Nothing of them may be held. NULL: nothing. */
void rules_close(struct rules *rules);

struct issuer_authority *rules_authority(struct rules *rules);
/* For the thread that reloads: how many launch digests have grants. */
size_t rules_zones(const struct rules *rules);

#endif
