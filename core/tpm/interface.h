/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the TPM is reached: TCG PC Client Platform TPM Profile (PTP) 1.05, by its command response
 * buffer (CRB, section 6.5.3) or its FIFO (6.5.2; TIS 1.3 is the same here). One TPM, one command
 * at a time, at locality 0, by polling; only before the host runs.
 */
#ifndef CORE_TPM_INTERFACE_H
#define CORE_TPM_INTERFACE_H

#include "lib/types.h"

/* PTP, table 17: TIMEOUT_A to D are 2 s at most; a TPM may be slow to see a cancel. */
#define TPM_TIMEOUT_MS 2000u
#define TPM_CANCEL_MS  20000u
#define TPM_HEADER     10u /* of commands and responses: tag, size, code */

enum tpm_kind { TPM_NONE, TPM_CRB, TPM_FIFO };

struct tpm_place {
	enum tpm_kind kind;
	uint64_t registers; /* of locality 0 */
};

/*
 * Where it is, by ACPI's TPM2 table (TCG ACPI Specification 1.3, section 8). NULL, or why the host
 * must not run: the Core finds none, or none that it can drive. That text lasts until the next
 * call.
 */
const char *tpm_locate(uint64_t rsdp, struct tpm_place *place);

/*
 * Take the TPM. 0, or -CL_EINVAL (its registers or buffers are where no TPM has them: they must be
 * clear of [avoid, avoid + bytes)), -CL_EIO (it does not answer, or has another interface).
 */
int tpm_open(const struct tpm_place *place, uint64_t avoid, uint64_t bytes);

/*
 * Send a command, take its response: size bytes (10 at least, cap at most), or -CL_E2BIG (the
 * command or the response is too long), -CL_EIO (no answer within ms milliseconds, or none that is
 * whole). A TPM that does not answer is told to cancel; if it does not do that either, it is given
 * up, and every later command fails: a late answer would be taken for that of another command.
 */
int tpm_transmit(const uint8_t *command, uint32_t size, uint8_t *response, uint32_t cap,
		 uint32_t ms);

/* See that no answer is left, which may hold a secret, and let go of the TPM. */
void tpm_close(void);

/* ---- the two, for those above; and what they have in common ---- */

int crb_open(uint64_t registers, uint64_t avoid, uint64_t bytes);
int crb_transmit(const uint8_t *command, uint32_t size, uint8_t *response, uint32_t cap,
		 uint32_t ms);
void crb_close(void);

int fifo_open(uint64_t registers);
int fifo_transmit(const uint8_t *command, uint32_t size, uint8_t *response, uint32_t cap,
		  uint32_t ms);
void fifo_close(void);

/* What registers say they are (INTF_ID); TPM_NONE: neither. */
enum tpm_kind tpm_kind_at(uint64_t registers);

/* Until the bits of `mask` in a register of `size` bytes (1 or 4) are `want`; false after ms. */
bool tpm_wait(uint64_t pa, uint32_t size, uint32_t mask, uint32_t want, uint32_t ms);

/* The size that a response's header tells, TPM_HEADER to cap; -CL_EIO, -CL_E2BIG. */
int tpm_response_size(const uint8_t header[TPM_HEADER], uint32_t cap);

#endif
