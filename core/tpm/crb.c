// SPDX-License-Identifier: Apache-2.0
#include "lib/string.h"
#include "tpm/hw.h"
#include "tpm/interface.h"

/* PTP, tables 34 to 48. */
#define LOC_STATE	    0x00
#define LOC_STATE_ASSIGNED  0x02u
#define LOC_STATE_ACTIVE    0x1cu
#define LOC_STATE_VALID	    0x80u
#define LOC_CTRL	    0x08
#define LOC_CTRL_REQUEST    0x01u
#define LOC_CTRL_RELINQUISH 0x02u
#define CTRL_REQ	    0x40
#define CTRL_REQ_READY	    0x01u
#define CTRL_REQ_IDLE	    0x02u
#define CTRL_STS	    0x44
#define CTRL_STS_ERROR	    0x01u
#define CTRL_STS_IDLE	    0x02u
#define CTRL_CANCEL	    0x48
#define CTRL_START	    0x4c
#define CTRL_CMD_SIZE	    0x58
#define CTRL_CMD_ADDR	    0x5c
#define CTRL_RSP_SIZE	    0x64
#define CTRL_RSP_ADDR	    0x68

#define BUFFER_MAX	    4096u

static struct crb {
	bool usable;
	uint64_t base;
	uint64_t command, response;
	uint32_t command_cap, response_cap;
} crb;

static uint32_t get(uint32_t at)
{
	return tpm_hw_read(crb.base + at);
}

static void set(uint32_t at, uint32_t value)
{
	tpm_hw_write(crb.base + at, value);
}

static bool wait(uint32_t at, uint32_t mask, uint32_t want, uint32_t ms)
{
	return tpm_wait(crb.base + at, 4, mask, want, ms);
}

static bool in_reach(uint64_t pa, uint32_t size, uint64_t avoid, uint64_t bytes)
{
	return size >= TPM_HEADER && pa <= SIZE_4G - size &&
	       (pa + size <= avoid || pa >= avoid + bytes);
}

/* Nothing under way, and the buffer takes a command. */
static bool ready(void)
{
	if (get(CTRL_START) || get(CTRL_STS) & CTRL_STS_ERROR)
		return false;
	set(CTRL_REQ, CTRL_REQ_READY);
	return wait(CTRL_REQ, CTRL_REQ_READY, 0, TPM_TIMEOUT_MS) &&
	       wait(CTRL_STS, CTRL_STS_IDLE, 0, TPM_TIMEOUT_MS);
}

int crb_open(uint64_t registers, uint64_t avoid, uint64_t bytes)
{
	uint32_t cap;

	crb = (struct crb){.base = registers};
	if (crb.base % PAGE_SIZE || !in_reach(crb.base, PAGE_SIZE, avoid, bytes))
		return -CL_EINVAL;
	if (get(LOC_STATE) == UINT32_MAX || tpm_kind_at(crb.base) != TPM_CRB)
		return -CL_EIO;
	set(LOC_CTRL, LOC_CTRL_REQUEST);
	if (!wait(LOC_STATE, LOC_STATE_ASSIGNED | LOC_STATE_ACTIVE | LOC_STATE_VALID,
		  LOC_STATE_ASSIGNED | LOC_STATE_VALID, TPM_TIMEOUT_MS))
		return -CL_EIO;
	crb.command = get(CTRL_CMD_ADDR) | (uint64_t)get(CTRL_CMD_ADDR + 4) << 32;
	crb.response = get(CTRL_RSP_ADDR) | (uint64_t)get(CTRL_RSP_ADDR + 4) << 32;
	cap = get(CTRL_CMD_SIZE);
	crb.command_cap = cap < BUFFER_MAX ? cap : BUFFER_MAX;
	cap = get(CTRL_RSP_SIZE);
	crb.response_cap = cap < BUFFER_MAX ? cap : BUFFER_MAX;
	if (!in_reach(crb.command, crb.command_cap, avoid, bytes) ||
	    !in_reach(crb.response, crb.response_cap, avoid, bytes))
		return -CL_EINVAL;
	/* The firmware has left no command under way, or it never ends. */
	crb.usable = wait(CTRL_START, 1, 0, TPM_CANCEL_MS) && ready();
	return crb.usable ? 0 : -CL_EIO;
}

/* The command is too late: its answer must never come, or come now and be dropped. */
static int give_up(void)
{
	set(CTRL_CANCEL, 1);
	crb.usable = wait(CTRL_START, 1, 0, TPM_CANCEL_MS);
	set(CTRL_CANCEL, 0);
	return -CL_EIO;
}

static int receive(uint8_t *response, uint32_t cap)
{
	uint32_t most = cap < crb.response_cap ? cap : crb.response_cap;

	tpm_hw_copy_in(response, crb.response, TPM_HEADER);
	int size = tpm_response_size(response, most);

	if (size > 0)
		tpm_hw_copy_in(response + TPM_HEADER, crb.response + TPM_HEADER,
			       (uint32_t)size - TPM_HEADER);
	return size;
}

int crb_transmit(const uint8_t *command, uint32_t size, uint8_t *response, uint32_t cap,
		 uint32_t ms)
{
	static const uint8_t none[TPM_HEADER];

	if (!crb.usable)
		return -CL_EIO;
	if (size > crb.command_cap || cap < TPM_HEADER)
		return -CL_E2BIG;
	if (!ready()) {
		crb.usable = false;
		return -CL_EIO;
	}
	/* An answer of before is none to this command. */
	tpm_hw_copy_out(crb.response, none, TPM_HEADER);
	tpm_hw_copy_out(crb.command, command, size);
	set(CTRL_START, 1);
	if (!wait(CTRL_START, 1, 0, ms))
		return give_up();
	if (get(CTRL_STS) & CTRL_STS_ERROR) {
		crb.usable = false;
		return -CL_EIO;
	}
	return receive(response, cap);
}

void crb_close(void)
{
	static const uint8_t none[BUFFER_MAX];

	if (crb.usable && ready()) {
		tpm_hw_copy_out(crb.command, none, crb.command_cap);
		tpm_hw_copy_out(crb.response, none, crb.response_cap);
		set(CTRL_REQ, CTRL_REQ_IDLE);
		wait(CTRL_REQ, CTRL_REQ_IDLE, 0, TPM_TIMEOUT_MS);
		set(LOC_CTRL, LOC_CTRL_RELINQUISH);
	}
	crb.usable = false;
}
