// SPDX-License-Identifier: Apache-2.0
#include "tpm/crb.h"

#include "boot/acpi.h"
#include "lib/string.h"
#include "tpm/hw.h"

/* ACPI's TPM2 table. */
#define TPM2_CONTROL_AREA 40
#define TPM2_START_METHOD 48
#define START_METHOD_CRB  7

/* PTP, tables 34 to 48. */
#define LOC_STATE	    0x00
#define LOC_STATE_ASSIGNED  0x02u
#define LOC_STATE_ACTIVE    0x1cu
#define LOC_STATE_VALID	    0x80u
#define LOC_CTRL	    0x08
#define LOC_CTRL_REQUEST    0x01u
#define LOC_CTRL_RELINQUISH 0x02u
#define INTF_ID		    0x30
#define INTF_ID_TYPE	    0x0fu
#define INTF_TYPE_CRB	    1u
#define CONTROL_AREA	    0x40
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

/* PTP, table 17: TIMEOUT_A to D are 2 s at most; a TPM may be slow to see a cancel. */
#define TIMEOUT_MS 2000u
#define CANCEL_MS  20000u
#define BUFFER_MAX 4096u
#define HEADER	   10u
#define SIZE_AT	   2u

static struct crb {
	bool usable;
	uint64_t base;
	uint64_t command, response;
	uint32_t command_cap, response_cap;
} crb;

int tpm_find(uint64_t rsdp, struct tpm_place *place)
{
	uint32_t length;
	const uint8_t *table = acpi_table(rsdp, "TPM2", &length);

	if (!table || acpi_field(table, TPM2_START_METHOD, 4) != START_METHOD_CRB)
		return -CL_ENOENT;
	place->registers = acpi_field(table, TPM2_CONTROL_AREA, 8) - CONTROL_AREA;
	return 0;
}

static uint32_t get(uint32_t at)
{
	return tpm_hw_read(crb.base + at);
}

static void set(uint32_t at, uint32_t value)
{
	tpm_hw_write(crb.base + at, value);
}

/* Until the bits of `mask` are `want`. */
static bool wait(uint32_t at, uint32_t mask, uint32_t want, uint32_t ms)
{
	uint64_t end = tpm_hw_ms() + ms;

	for (;;) {
		bool late = tpm_hw_ms() >= end;

		if ((get(at) & mask) == want)
			return true;
		if (late)
			return false;
		tpm_hw_pause();
	}
}

static bool in_reach(uint64_t pa, uint32_t size, uint64_t avoid, uint64_t bytes)
{
	return size >= HEADER && pa <= SIZE_4G - size &&
	       (pa + size <= avoid || pa >= avoid + bytes);
}

/* Nothing under way, and the buffer takes a command. */
static bool ready(void)
{
	if (get(CTRL_START) || get(CTRL_STS) & CTRL_STS_ERROR)
		return false;
	set(CTRL_REQ, CTRL_REQ_READY);
	return wait(CTRL_REQ, CTRL_REQ_READY, 0, TIMEOUT_MS) &&
	       wait(CTRL_STS, CTRL_STS_IDLE, 0, TIMEOUT_MS);
}

int crb_open(const struct tpm_place *place, uint64_t avoid, uint64_t bytes)
{
	uint32_t cap;

	crb = (struct crb){.base = place->registers};
	if (crb.base % PAGE_SIZE || !in_reach(crb.base, PAGE_SIZE, avoid, bytes))
		return -CL_EINVAL;
	if (get(LOC_STATE) == UINT32_MAX || (get(INTF_ID) & INTF_ID_TYPE) != INTF_TYPE_CRB)
		return -CL_ENOENT;
	set(LOC_CTRL, LOC_CTRL_REQUEST);
	if (!wait(LOC_STATE, LOC_STATE_ASSIGNED | LOC_STATE_ACTIVE | LOC_STATE_VALID,
		  LOC_STATE_ASSIGNED | LOC_STATE_VALID, TIMEOUT_MS))
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
	crb.usable = wait(CTRL_START, 1, 0, CANCEL_MS) && ready();
	return crb.usable ? 0 : -CL_EIO;
}

/* The command is too late: its answer must never come, or come now and be dropped. */
static int give_up(void)
{
	set(CTRL_CANCEL, 1);
	crb.usable = wait(CTRL_START, 1, 0, CANCEL_MS);
	set(CTRL_CANCEL, 0);
	return -CL_EIO;
}

static int receive(uint8_t *response, uint32_t cap)
{
	uint32_t most = cap < crb.response_cap ? cap : crb.response_cap;
	const uint8_t *field = response + SIZE_AT;

	tpm_hw_copy_in(response, crb.response, HEADER);
	uint32_t size = (uint32_t)field[0] << 24 | (uint32_t)field[1] << 16 |
			(uint32_t)field[2] << 8 | field[3];

	if (size < HEADER)
		return -CL_EIO;
	if (size > most)
		return -CL_E2BIG;
	tpm_hw_copy_in(response + HEADER, crb.response + HEADER, size - HEADER);
	return (int)size;
}

int crb_transmit(const uint8_t *command, uint32_t size, uint8_t *response, uint32_t cap,
		 uint32_t ms)
{
	static const uint8_t none[HEADER];

	if (!crb.usable)
		return -CL_EIO;
	if (size > crb.command_cap || cap < HEADER)
		return -CL_E2BIG;
	if (!ready()) {
		crb.usable = false;
		return -CL_EIO;
	}
	/* An answer of before is none to this command. */
	tpm_hw_copy_out(crb.response, none, HEADER);
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
		wait(CTRL_REQ, CTRL_REQ_IDLE, 0, TIMEOUT_MS);
		set(LOC_CTRL, LOC_CTRL_RELINQUISH);
	}
	crb.usable = false;
}
