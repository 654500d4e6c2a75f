/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VERIFY_HASH_H
#define VERIFY_HASH_H

#include <stddef.h>
#include <stdint.h>

#include <cloister/verify.h>

/* SHA-256. It cannot fail: without it this library has no business, and it aborts. */
void clv_sha256(const uint8_t *data, size_t size, uint8_t digest[CL_HASH_SIZE]);

/* TPM2_PCR_Extend (TPM 2.0 Library 1.59, part 1, section 17.4): pcr = H(pcr ‖ digest). */
void clv_extend(uint8_t pcr[CL_PCR_SIZE], const uint8_t digest[CL_HASH_SIZE]);

#endif
