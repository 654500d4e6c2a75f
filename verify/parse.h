/* SPDX-License-Identifier: Apache-2.0 */
/* Take a report apart. Nothing it says is true until the signature has been checked. */
#ifndef VERIFY_PARSE_H
#define VERIFY_PARSE_H

#include <cloister/verify.h>

#define CLV_SIG_SIZE 64u

struct clv_parsed {
	struct cl_report claims;
	/* The signed parts, as they stand in the caller's buffer. */
	const uint8_t *protected;
	size_t protected_size;
	const uint8_t *payload;
	size_t payload_size;
	const uint8_t *signature; /* CLV_SIG_SIZE bytes */
};

/* 0, or -1 with the reason why these bytes are no report of CL_REPORT_PROFILE. */
int clv_parse(const uint8_t *report, size_t size, struct clv_parsed *parsed,
	      char reason[CL_REASON_SIZE]);

#endif
