/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Core's random numbers: HMAC-DRBG with SHA-256 (NIST SP 800-90A, 10.1.2), seeded once at boot
 * from RDRAND and time stamp jitter.
 *
 * Uses vector registers (BearSSL): call between fpu_begin and fpu_end. Stack use of each call is
 * below 3 KiB. One state for the whole Core and no lock: callers hold the Core's.
 */
#ifndef CORE_EVIDENCE_ENTROPY_H
#define CORE_EVIDENCE_ENTROPY_H

#include "lib/types.h"

/*
 * Seed the generator. 0, -CL_ENOSYS without RDRAND, -CL_EIO if RDRAND fails or is stuck; the Core
 * must not go on then.
 */
int entropy_init(void);

/* Fill a buffer of at most 64 KiB. Traps (#UD, fatal in the Core) before a successful init. */
void entropy_bytes(void *out, size_t size);

/* Forget the state, before the machine is given up. */
void entropy_wipe(void);

#endif
