/* SPDX-License-Identifier: Apache-2.0 */
/* A good bundle, a policy that asks for everything, and what to expect of it. */
#ifndef TESTS_UNIT_EVIDENCE_TEST_H
#define TESTS_UNIT_EVIDENCE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cloister/verify.h>
#include "evidence_forge.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

extern struct evidence_forge forged;
extern struct cl_policy policy;
extern struct cl_verdict_result result;
extern uint8_t data[CL_REPORT_DATA], digest[CL_DIGEST_SIZE];
extern const char *cas[2], *crls[2];

/* A cmocka setup: everything is good. */
int evidence_setup(void **state);

/* Of `forged`, with the policy; into result. */
enum cl_verdict forged_verdict(void);
/* Of these bytes, in a heap block of their size, so that the sanitizer sees any overrun. */
enum cl_verdict verdict_of(const uint8_t *bytes, size_t size);

const struct cl_check *check_named(const char *name);
void expect_status(const char *name, enum cl_check_status status, const char *reason);
/* Exactly one check fails: this one, for this reason. */
void expect_only_failure(const char *name, const char *reason);
/* The forged bundle is refused by this check alone. */
void expect_refused(const char *name, const char *reason);
/* It is accepted, with nothing to object. */
void expect_affirming(void);

#endif
