/* SPDX-License-Identifier: Apache-2.0 */
/* JWT-SVIDs (JWT-SVID.md): made with ES256, and checked with whatever the standard allows. */
#ifndef SPIFFE_JWT_H
#define SPIFFE_JWT_H

#include <time.h>
#include <jansson.h>
#include "bundle.h"

#define SPIFFE_JWT_MAX 16384u /* bytes */
#define SPIFFE_AUD_MAX 64u    /* audiences of one token */

struct spiffe_jwt_grant {
	const struct spiffe_id *sub; /* a workload's */
	const char *const *aud;
	size_t nr_aud;
	time_t now;
	unsigned int lifetime; /* seconds */
};

/*
 * A token that a key of P-256 has signed, which verifiers know by this kid. For free(3); NULL with
 * a sentence in *why.
 */
char *spiffe_jwt_issue(EVP_PKEY *key, const char *kid, const struct spiffe_jwt_grant *grant,
		       const char **why);

/* Whom a token is shown to, and when. */
struct spiffe_jwt_question {
	const char *audience;
	const struct spiffe_bundles *bundles;
	time_t now;
	unsigned int leeway; /* seconds that clocks may differ by */
};

/*
 * The key is one of the bundle of sub's trust domain: the one that the token's kid names, or
 * without a kid any that fits its alg. 0 with the subject and all claims, for json_decref();
 * -EINVAL with a sentence in *why, and no claims.
 */
int spiffe_jwt_check(const char *token, size_t size, const struct spiffe_jwt_question *question,
		     struct spiffe_id *sub, json_t **claims, const char **why);

#endif
