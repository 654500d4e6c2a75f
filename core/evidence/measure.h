/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launch digest: SHA-384 over the launch descriptor and the segments, fed in order
 * (cloister/launch.h).
 *
 * Uses vector registers (BearSSL): call between fpu_begin and fpu_end. Stack use of each call is
 * below 3 KiB. A measurement may be held across other work; nothing in it is secret.
 */
#ifndef CORE_EVIDENCE_MEASURE_H
#define CORE_EVIDENCE_MEASURE_H

#include <cloister/launch.h>
#include "lib/types.h"

/* Room for BearSSL's context, whose layout stays out of the Core's other files. */
struct measure {
	uint64_t state[26];
};

void measure_begin(struct measure *m);
void measure_update(struct measure *m, const void *data, size_t size);
void measure_end(struct measure *m, uint8_t out[CL_DIGEST_SIZE]);

#endif
