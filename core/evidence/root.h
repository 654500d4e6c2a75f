/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind the report key, and the sealing root: the secret of this machine's TPM for
 * this firmware and this Core (tpm/attach.h), from which zones' keys that outlive a boot are
 * derived.
 *
 * A copy of RAM does not have it: it is kept XORed with a key that is derived from the master for
 * nothing else, and put together for the moment of a derivation.
 *
 * root_keep and root_zone_key use vector registers (BearSSL): call them between fpu_begin and
 * fpu_end. Stack use is below 3 KiB.
 */
#ifndef CORE_EVIDENCE_ROOT_H
#define CORE_EVIDENCE_ROOT_H

#include <cloister/launch.h>
#include "lib/types.h"

#define ROOT_SIZE 32u

/* The TPM vouches for the report key: PCR 13 holds it, and nothing else ever. */
void root_vouched(void);

/* Keep this sealing root and the point of the TPM's storage key; the caller wipes its own copy. */
void root_keep(const uint8_t secret[ROOT_SIZE], const uint8_t x[32], const uint8_t y[32]);

/* For reports: "tpm" or "none". */
const char *root_name(void);

/* Can zones have keys? */
bool root_seals(void);

/*
 * The key of zones with this launch digest for k->context, and the TPM's storage key: fill the rest
 * of *k. 0, -CL_ENOENT without a sealing root, -CL_EPERM in a debug build.
 */
int root_zone_key(const uint8_t digest[CL_DIGEST_SIZE], struct cl_seal_key *k);

/* Forget it, before the machine is given up. */
void root_wipe(void);

#endif
