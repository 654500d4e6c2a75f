/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TPM's command response buffer: TCG PC Client Platform TPM Profile (PTP) 1.05, section 6.5.3.
 * One command at a time, at locality 0, by polling; only before the host runs.
 */
#ifndef CORE_TPM_CRB_H
#define CORE_TPM_CRB_H

#include "lib/types.h"

/* Where the TPM is, by ACPI's TPM2 table (TCG ACPI Specification 1.3, section 8). */
struct tpm_place {
	uint64_t registers; /* of locality 0 */
};

/* 0, or -CL_ENOENT: no table, or one of a TPM with another interface. */
int tpm_find(uint64_t rsdp, struct tpm_place *place);

/*
 * Take the TPM. 0, or -CL_ENOENT (nothing there has a CRB), -CL_EINVAL (its buffers are where no
 * TPM has them: they must be clear of [avoid, avoid + bytes)), -CL_EIO (it does not answer).
 */
int crb_open(const struct tpm_place *place, uint64_t avoid, uint64_t bytes);

/*
 * Send a command, take its response: size bytes (10 at least, cap at most), or -CL_E2BIG (the
 * command or the response is too long), -CL_EIO (no answer within ms milliseconds, or none that is
 * whole). A TPM that does not answer is told to cancel; if it does not do that either, it is given
 * up, and every later command fails: a late answer would be taken for that of another command.
 */
int crb_transmit(const uint8_t *command, uint32_t size, uint8_t *response, uint32_t cap,
		 uint32_t ms);

/* Zero the buffers, which may hold a secret, and let go of the TPM. */
void crb_close(void);

#endif
