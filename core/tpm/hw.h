/* SPDX-License-Identifier: Apache-2.0 */
/* The TPM's registers and the time. Apart from the drivers so that tests can put a TPM here. */
#ifndef CORE_TPM_HW_H
#define CORE_TPM_HW_H

#include "lib/types.h"

uint32_t tpm_hw_read(uint64_t pa);
void tpm_hw_write(uint64_t pa, uint32_t value);
void tpm_hw_copy_in(uint8_t *to, uint64_t pa, uint32_t size);
void tpm_hw_copy_out(uint64_t pa, const uint8_t *from, uint32_t size);

/* A clock that only goes on, and a moment to pass while polling. */
uint64_t tpm_hw_ms(void);
void tpm_hw_pause(void);

#endif
