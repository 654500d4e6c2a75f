/* SPDX-License-Identifier: Apache-2.0 */
/* Judge what has been fetched or read, and print the verdict. */
#ifndef CLOISTER_CLI_VERIFY_JUDGE_H
#define CLOISTER_CLI_VERIFY_JUDGE_H

#include "verify_request.h"

/*
 * `nonce` and `spki` are NULL when there is none to compare with. The program's exit code: that of
 * the verdict, or of what went wrong, which is then said.
 */
int judge_report(const struct request *r, const uint8_t *report, size_t size, const uint8_t *nonce,
		 const uint8_t *spki);
int judge_evidence(const struct request *r, const uint8_t *bundle, size_t size,
		   const uint8_t *nonce, const uint8_t *spki);

#endif
