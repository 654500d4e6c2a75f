// SPDX-License-Identifier: Apache-2.0
#include "tpm/hw.h"
#include "tpm/interface.h"

/* PTP, section 6.5.2. */
#define ACCESS	       0x00
#define ACCESS_REQUEST 0x02u
#define ACCESS_ACTIVE  0x20u
#define ACCESS_VALID   0x80u
#define ACCESS_MASK    0xe2u /* these, and a bit that reads 0 where there is a TPM */
#define STS	       0x18
#define STS_EXPECT     0x08u
#define STS_AVAIL      0x10u
#define STS_GO	       0x20u
#define STS_READY      0x40u
#define STS_VALID      0x80u
#define STS_ZERO       0x23u /* likewise */
#define DATA_FIFO      0x24

static uint64_t base; /* 0: none, or given up */

/* All but the burst count is read and written a byte at a time. */
static void set(uint32_t at, uint8_t value)
{
	tpm_hw_copy_out(base + at, &value, 1);
}

static bool wait_access(uint32_t ms)
{
	return tpm_wait(base + ACCESS, 1, ACCESS_MASK, ACCESS_VALID | ACCESS_ACTIVE, ms);
}

static bool wait_status(uint32_t mask, uint32_t want, uint32_t ms)
{
	return tpm_wait(base + STS, 1, mask | STS_ZERO, want, ms);
}

/* How many bytes may pass now; 0 if none come to. */
static uint32_t burst(void)
{
	uint64_t end = tpm_hw_ms() + TPM_TIMEOUT_MS;
	uint32_t n;

	while (!(n = tpm_hw_read(base + STS) >> 8 & 0xffff) && tpm_hw_ms() < end)
		tpm_hw_pause();
	return n;
}

/*
 * From any state to one in which a command is taken and no answer is left: the first request ends
 * what there is, and may leave the TPM idle; the next makes it ready then.
 */
static bool ready(void)
{
	for (uint32_t ms = 0; ms < TPM_CANCEL_MS; ms += TPM_TIMEOUT_MS) {
		set(STS, STS_READY);
		if (wait_status(STS_READY | STS_AVAIL | STS_EXPECT, STS_READY, TPM_TIMEOUT_MS))
			return true;
	}
	return false;
}

int fifo_open(uint64_t registers)
{
	if (tpm_kind_at(registers) != TPM_FIFO)
		return -CL_EIO;
	base = registers;
	/* The firmware may have kept it. */
	if (!wait_access(0))
		set(ACCESS, ACCESS_REQUEST);
	base = wait_access(TPM_TIMEOUT_MS) && ready() ? registers : 0;
	return base ? 0 : -CL_EIO;
}

/* It must want more up to the last byte, and none behind it. */
static bool send(const uint8_t *command, uint32_t size)
{
	for (uint32_t at = 0; at < size;) {
		uint32_t most = at + 1 < size ? size - 1 - at : 1, n = burst();

		if (!n)
			return false;
		for (n = n < most ? n : most; n; n--)
			set(DATA_FIFO, command[at++]);
		if (!wait_status(STS_VALID | STS_EXPECT, STS_VALID | (at < size ? STS_EXPECT : 0),
				 TPM_TIMEOUT_MS))
			return false;
	}
	return true;
}

static bool take(uint8_t *to, uint32_t size, uint32_t ms)
{
	while (size) {
		uint32_t n = 0;

		if (wait_status(STS_VALID | STS_AVAIL, STS_VALID | STS_AVAIL, ms))
			n = burst();
		if (!n)
			return false;
		for (n = n < size ? n : size; n; n--, size--)
			tpm_hw_copy_in(to++, base + DATA_FIFO, 1);
	}
	return true;
}

static int receive(uint8_t *response, uint32_t cap, uint32_t ms)
{
	int size = take(response, TPM_HEADER, ms) ? tpm_response_size(response, cap) : -CL_EIO;

	if (size < 0)
		return size;
	if (!take(response + TPM_HEADER, (uint32_t)size - TPM_HEADER, TPM_TIMEOUT_MS))
		return -CL_EIO;
	/* If more is there this is no answer that is whole. */
	return wait_status(STS_VALID | STS_AVAIL, STS_VALID, TPM_TIMEOUT_MS) ? size : -CL_EIO;
}

int fifo_transmit(const uint8_t *command, uint32_t size, uint8_t *response, uint32_t cap,
		  uint32_t ms)
{
	int r = -CL_EIO;

	if (!base)
		return -CL_EIO;
	if (cap < TPM_HEADER)
		return -CL_E2BIG;
	if (ready() && send(command, size)) {
		set(STS, STS_GO);
		r = receive(response, cap, ms);
	}
	/* It forgets the answer, or is cancelled if that is late. */
	set(STS, STS_READY);
	if (r < 0 && !ready())
		base = 0;
	return r;
}

void fifo_close(void)
{
	if (base)
		set(ACCESS, ACCESS_ACTIVE);
	base = 0;
}
