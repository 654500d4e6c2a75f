/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Core's report key: P-256, another one at each boot. The secret half is nowhere: it is derived
 * from the master key for each signature, and wiped with the stack that the arithmetic has used.
 *
 * Uses vector registers (BearSSL): call between fpu_begin and fpu_end. Stack use of each call is
 * below 4 KiB. Arithmetic is constant-time (br_ec_p256_m31, the fastest such in BearSSL 0.6).
 * No lock: callers hold the Core's.
 */
#ifndef CORE_EVIDENCE_REPORT_KEY_H
#define CORE_EVIDENCE_REPORT_KEY_H

#include "lib/types.h"

#define REPORT_KEY_PUBLIC_SIZE 64u /* x ‖ y, big-endian */
#define REPORT_KEY_HASH_SIZE   32u /* SHA-256 */
#define REPORT_KEY_SIG_SIZE    64u /* r ‖ s, big-endian */

/* Make the key; master_key_init comes first. 0 or -CL_EIO if the key fails its own test. */
int report_key_init(void);

/* The public half; all zero before init and after wipe. */
const uint8_t *report_key_public(void);

/* ECDSA over a SHA-256 hash (not all zero). 0, -CL_ENOENT without a key, -CL_EIO if the result does
 * not verify. */
int report_key_sign(uint8_t sig[REPORT_KEY_SIG_SIZE], const uint8_t hash[REPORT_KEY_HASH_SIZE]);

/* Forget the key, before the machine is given up. */
void report_key_wipe(void);

#endif
