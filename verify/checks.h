/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that check have in common: a result, to which each adds what it found. */
#ifndef VERIFY_CHECKS_H
#define VERIFY_CHECKS_H

#include <string.h>

#include <openssl/crypto.h>

#include <cloister/verify.h>
#include "parse.h"

#define CLV_FEW 8u /* bytes of a key or hash that are enough to tell two apart in a sentence */

/* Add a check; the verdict gets no better by it. */
__attribute__((format(printf, 4, 5))) void clv_add(struct cl_verdict_result *r, const char *name,
						   enum cl_check_status status, const char *fmt,
						   ...);

/* Note by which policy it is judged. */
void clv_name_policy(struct cl_verdict_result *r, const struct cl_policy *p);

/* "%s" of printf, cut to what a reason can hold. Returns -1, so that a parser can end with it. */
__attribute__((format(printf, 2, 3))) int clv_refuse(char reason[CL_REASON_SIZE], const char *fmt,
						     ...);

/* Nothing compared here is secret; constant-time comparison just costs nothing. */
static inline bool clv_equal(const uint8_t *a, const uint8_t *b, size_t size)
{
	return CRYPTO_memcmp(a, b, size) == 0;
}

/* Copy text into a sentence for people: what is not printable ASCII becomes '?'. */
void clv_printable(char *out, size_t capacity, const uint8_t *text, size_t size);

bool clv_policy_ok(const struct cl_policy *p);

/*
 * The first two checks of every report. 1: the report is authentic and result has it; 0: it is
 * refused, and result says why; or a negative errno.
 */
int clv_check_authentic(struct cl_verdict_result *r, const uint8_t *report, size_t size);

/* What the report claims about the zone. Key, root and nonce are for whoever knows more. */
void clv_check_digest(struct cl_verdict_result *r, const struct cl_policy *p);
void clv_check_zone(struct cl_verdict_result *r, const struct cl_policy *p);

#endif
