// SPDX-License-Identifier: Apache-2.0
#include "tpm/interface.h"

#include "tpm/hw.h"
#include "tpm/wire.h"

#define SIZE_AT 2u

static enum tpm_kind kind;

int tpm_open(const struct tpm_place *place, uint64_t avoid, uint64_t bytes)
{
	kind = place->kind;
	return kind == TPM_FIFO ? fifo_open(place->registers)
				: crb_open(place->registers, avoid, bytes);
}

int tpm_transmit(const uint8_t *command, uint32_t size, uint8_t *response, uint32_t cap,
		 uint32_t ms)
{
	return kind == TPM_FIFO ? fifo_transmit(command, size, response, cap, ms)
				: crb_transmit(command, size, response, cap, ms);
}

void tpm_close(void)
{
	if (kind == TPM_FIFO)
		fifo_close();
	else
		crb_close();
}

static uint32_t get(uint64_t pa, uint32_t size)
{
	uint8_t byte;

	if (size == 4)
		return tpm_hw_read(pa);
	tpm_hw_copy_in(&byte, pa, 1);
	return byte;
}

bool tpm_wait(uint64_t pa, uint32_t size, uint32_t mask, uint32_t want, uint32_t ms)
{
	uint64_t end = tpm_hw_ms() + ms;

	for (;;) {
		bool late = tpm_hw_ms() >= end;

		if ((get(pa, size) & mask) == want)
			return true;
		if (late)
			return false;
		tpm_hw_pause();
	}
}

int tpm_response_size(const uint8_t header[TPM_HEADER], uint32_t cap)
{
	struct tpm_in in = {.at = header + SIZE_AT, .left = 4};
	uint32_t size = tpm_get32(&in);

	if (size < TPM_HEADER)
		return -CL_EIO;
	return size > cap ? -CL_E2BIG : (int)size;
}
