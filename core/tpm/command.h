/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few TPM commands that the Core needs (TPM 2.0 Library, revision 1.59, parts 2 and 3), and
 * what they answer, checked to the last byte.
 *
 * All return 0, or a negative CL_E*: -CL_EIO (no answer, or none that is right), -CL_EPERM (the TPM
 * refused: tpm_refused says why), -CL_ENOENT where said. Nothing is left in the TPM by a failure.
 */
#ifndef CORE_TPM_COMMAND_H
#define CORE_TPM_COMMAND_H

#include "lib/types.h"

#define TPM_HASH_SIZE 32u /* SHA-256, of which all is here */

/* The response code of the last command that the TPM refused. */
extern uint32_t tpm_refused;

/*
 * The values of these PCRs of the SHA-256 bank, bit n for PCR n, lowest first; at most
 * TPM_PCRS_MAX. -CL_ENOENT: the TPM has no SHA-256 bank.
 */
int tpm_pcr_read(uint32_t pcrs, uint8_t values[][TPM_HASH_SIZE]);

int tpm_pcr_extend(uint32_t pcr, const uint8_t digest[TPM_HASH_SIZE]);

/* The digest of the policy "these PCRs have the values that this is the hash of". */
void tpm_policy_pcr_digest(uint32_t pcrs, const uint8_t values_hash[TPM_HASH_SIZE],
			   uint8_t digest[TPM_HASH_SIZE]);

/* Make the owner's primary HMAC key under this policy. The caller flushes it. */
int tpm_create_hmac_key(const uint8_t policy[TPM_HASH_SIZE], uint32_t *handle);

/* Make the owner's storage key of TCG's template for P-256. The caller flushes it. */
int tpm_create_storage_key(uint32_t *handle, uint8_t x[32], uint8_t y[32]);

/* HMAC-SHA256 of the text by that key, in a policy session of its own over these PCRs. */
int tpm_hmac(uint32_t handle, uint32_t pcrs, const char *text, uint8_t out[TPM_HASH_SIZE]);

int tpm_flush(uint32_t handle);

/* Forget what answers have left in the Core's buffers. */
void tpm_wipe(void);

#endif
