// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for the TPM driver and what the Core does with it at boot: registers and answers
 * are the fuzzer's. Input: a byte that says what is odd about the registers, and those; then, for
 * each command, how it is answered. The topmost bit of the first byte: it has a FIFO, no command
 * response buffer; bits 0 to 2 say then that its status, its burst count or its end is odd. Bits 4
 * and 5 say of both kinds that the state of their access, or what they say they are, is.
 */
#include "boot/acpi.h"
#include "cpu/master_key.h"
#include "evidence/report_key.h"
#include "evidence/root.h"
#include "fuzz.h"
#include "lib/log.h"
#include "tpm/attach.h"
#include "tpm/hw.h"

#define BASE	   0xfed40000ull
#define BUFFER	   0xfed40080ull
#define SIZE	   3968u
#define CORE	   0x10000000ull
#define CORE_BYTES 0x2000000ull
#define MOST_MS	   (200u * 1000 * 60) /* each command of the longest kind, again and again */

/* How a command is answered. */
#define RAW_HEADER 0x01u /* the header, too, is the fuzzer's */
#define REFUSED	   0x02u
#define SLOW	   0x04u
#define DEAF	   0x08u /* to a cancel as well */
#define ODD_STATUS 0x10u

static struct input in;
static struct {
	uint64_t command, response;
	uint32_t command_size, response_size;
	uint32_t state, interface, status;
	bool running, deaf, given_up, error;
	uint64_t ms, slow_from;
	uint8_t buffer[4096]; /* the command's and the response's, as one */
	unsigned commands, creations;
	uint32_t handles[2], flushed[2]; /* a key, a session */
	bool session_over;
	uint8_t last[64]; /* of the last response */
	uint32_t last_code, last_size;
	/* The FIFO. */
	bool fifo;
	enum { IDLE, READY, RECEPTION, EXECUTION, COMPLETION } phase;
	uint32_t at, size;
	uint32_t odd_status, burst, extra;
} tpm;

const uint8_t *acpi_table(uint64_t rsdp, const char *signature, uint32_t *length)
{
	static const uint8_t table[52];

	*length = sizeof(table);
	return table;
}

uint64_t acpi_field(const uint8_t *table, uint32_t at, uint32_t size)
{
	return at == 40 ? BASE + 0x40 : tpm.fifo ? 6 : 7;
}

const uint8_t *report_key_public(void)
{
	static const uint8_t key[REPORT_KEY_PUBLIC_SIZE] = {1};

	return key;
}

void master_key_derive(uint8_t out[DERIVED_KEY_SIZE], uint32_t purpose, uint64_t number)
{
	memset(out, (int)purpose, DERIVED_KEY_SIZE);
}

void log_line(enum log_level level, const char *fmt, ...)
{
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_be32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* What a right answer leaves in the TPM, and the Core has to take out again. */
static void note_handles(uint32_t code, const uint8_t *response)
{
	uint32_t handle = be32(response + 10);

	if (be32(response + 6) || be32(response + 2) < 14)
		return;
	if (code == 0x131) {
		tpm.creations++;
		if (handle >> 24 == 0x80) {
			tpm.handles[0] = handle;
			tpm.flushed[0] = 0;
		}
	}
	if (code == 0x176 && handle >> 24 == 3)
		tpm.handles[1] = handle;
}

static void start(void)
{
	uint8_t command[4096];
	uint8_t how = (uint8_t)take(&in, 1);
	uint32_t n = (uint32_t)take(&in, 2) % 1100, code;

	require(!tpm.running && !tpm.given_up);
	memcpy(command, tpm.buffer, sizeof(command));
	code = be32(command + 6);
	require(be32(command + 2) >= 10 && be32(command + 2) <= tpm.command_size);
	if (code == 0x165) {
		for (unsigned i = 0; i < 2; i++)
			if (be32(command + 10) == tpm.handles[i])
				tpm.flushed[i] = tpm.handles[i];
	}
	tpm.commands++;
	memset(tpm.buffer, 0, sizeof(tpm.buffer));
	take_bytes(&in, tpm.buffer + (how & RAW_HEADER ? 0 : 10), n);
	if (!(how & RAW_HEADER)) {
		memcpy(tpm.buffer, command, 2);
		put_be32(tpm.buffer + 2, n + 10);
		put_be32(tpm.buffer + 6, how & REFUSED ? 0x9a2 : 0);
	}
	if (how & ODD_STATUS)
		tpm.status = (uint32_t)take(&in, 1);
	tpm.last_code = code;
	tpm.last_size = be32(tpm.buffer + 2);
	memcpy(tpm.last, tpm.buffer, sizeof(tpm.last));
	tpm.running = how & SLOW;
	tpm.deaf = how & DEAF;
	tpm.slow_from = tpm.ms;
	/* An answer that nobody waits for any more tells no handle. */
	if (!tpm.running)
		note_handles(code, tpm.buffer);
	if (code == 0x155 && !be32(tpm.buffer + 6))
		tpm.session_over = true;
}

/* ---- the FIFO: a byte at a time, by the phases of PTP, section 6.5.2 ---- */

static uint8_t fifo_status(void)
{
	bool expects = tpm.phase == RECEPTION && (tpm.at < 6 || tpm.at < be32(tpm.buffer + 2));
	bool avail = tpm.phase == COMPLETION && tpm.at < tpm.size;

	return (uint8_t)((0x80u | (tpm.phase == READY ? 0x40u : 0) | (avail ? 0x10u : 0) |
			  (expects ? 0x08u : 0)) ^
			 tpm.odd_status);
}

static void fifo_control(uint8_t value)
{
	if (value == 0x40) {
		if (tpm.phase == EXECUTION && tpm.deaf) {
			tpm.given_up = true;
			return;
		}
		tpm.running = false;
		tpm.phase = tpm.phase == IDLE || tpm.phase == READY ? READY : IDLE;
		tpm.at = 0;
	}
	if (value == 0x20) {
		require(tpm.phase == RECEPTION && tpm.at == be32(tpm.buffer + 2));
		start();
		tpm.phase = tpm.running ? EXECUTION : COMPLETION;
		tpm.size = tpm.last_size < 2048 ? tpm.last_size + tpm.extra : 2048;
		tpm.at = 0;
	}
}

static void fifo_write(uint64_t pa, uint8_t value)
{
	require(pa == BASE || pa == BASE + 0x18 || pa == BASE + 0x24);
	if (pa == BASE + 0x18)
		fifo_control(value);
	if (pa == BASE + 0x24) {
		/* No more than it asks for, and only when it is ready. */
		require(tpm.phase == READY || tpm.phase == RECEPTION);
		require(tpm.at < sizeof(tpm.buffer));
		tpm.phase = RECEPTION;
		tpm.buffer[tpm.at++] = value;
	}
}

static uint8_t fifo_read(uint64_t pa)
{
	if (pa == BASE)
		return (uint8_t)tpm.state;
	if (pa == BASE + 0x18)
		return fifo_status();
	require(pa == BASE + 0x24);
	require(tpm.odd_status || tpm.phase == COMPLETION); /* an answer is there to be read */
	return tpm.at < sizeof(tpm.buffer) ? tpm.buffer[tpm.at++] : 0xff;
}

uint32_t tpm_hw_read(uint64_t pa)
{
	if (tpm.fifo && pa == BASE + 0x18)
		return fifo_status() | tpm.burst << 8;
	if (tpm.fifo)
		require(pa == BASE + 0x30);
	switch (pa - BASE) {
	case 0x00:
		return tpm.state;
	case 0x30:
		return tpm.interface;
	case 0x44:
		return tpm.status;
	case 0x4c:
		return tpm.running;
	case 0x58:
		return tpm.command_size;
	case 0x5c:
		return (uint32_t)tpm.command;
	case 0x60:
		return (uint32_t)(tpm.command >> 32);
	case 0x64:
		return tpm.response_size;
	case 0x68:
		return (uint32_t)tpm.response;
	case 0x6c:
		return (uint32_t)(tpm.response >> 32);
	}
	return 0;
}

void tpm_hw_write(uint64_t pa, uint32_t value)
{
	require(pa >= BASE && pa < BASE + 0x80);
	if (pa - BASE == 0x4c && value)
		start();
	if (pa - BASE == 0x48 && value) {
		tpm.running = tpm.deaf;
		tpm.given_up = tpm.deaf;
	}
}

static void in_bounds(uint64_t pa, uint32_t size, uint64_t buffer, uint32_t cap)
{
	require(pa >= buffer && pa + size <= buffer + cap && pa + size <= SIZE_4G);
	require(pa + size <= CORE || pa >= CORE + CORE_BYTES);
}

void tpm_hw_copy_in(uint8_t *to, uint64_t pa, uint32_t size)
{
	if (tpm.fifo) {
		require(size == 1);
		*to = fifo_read(pa);
		return;
	}
	require(!tpm.running); /* an answer is there to be read */
	in_bounds(pa, size, tpm.response, tpm.response_size);
	memcpy(to, tpm.buffer + (pa - tpm.response), size);
}

void tpm_hw_copy_out(uint64_t pa, const uint8_t *from, uint32_t size)
{
	if (tpm.fifo) {
		require(size == 1);
		fifo_write(pa, *from);
		return;
	}
	bool is_response = pa >= tpm.response && pa + size <= tpm.response + tpm.response_size;

	if (!is_response)
		in_bounds(pa, size, tpm.command, tpm.command_size);
	else
		in_bounds(pa, size, tpm.response, tpm.response_size);
	require(size <= sizeof(tpm.buffer));
	memcpy(tpm.buffer, from, size);
}

/* The clock goes faster while nothing comes, or a lost answer would take long here. */
uint64_t tpm_hw_ms(void)
{
	return tpm.ms;
}

void tpm_hw_pause(void)
{
	tpm.ms += 97;
}

static void registers(void)
{
	uint8_t odd = (uint8_t)take(&in, 1);

	memset(&tpm, 0, sizeof(tpm));
	tpm.command = tpm.response = BUFFER;
	tpm.command_size = tpm.response_size = SIZE;
	tpm.state = 0x82;
	tpm.interface = 1;
	if (odd & 128) {
		tpm.fifo = true;
		tpm.state = 0xa0;
		tpm.interface = 0;
		tpm.burst = 64;
		if (odd & 1)
			tpm.odd_status = (uint32_t)take(&in, 1);
		if (odd & 2)
			tpm.burst = (uint32_t)take(&in, 2);
		if (odd & 4)
			tpm.extra = (uint32_t)take(&in, 1);
		odd &= 0x30;
	}
	if (odd & 1)
		tpm.command = take(&in, 8);
	if (odd & 2)
		tpm.command_size = (uint32_t)take(&in, 4);
	if (odd & 4)
		tpm.response = take(&in, 8);
	if (odd & 8)
		tpm.response_size = (uint32_t)take(&in, 4);
	if (odd & 16)
		tpm.state = (uint32_t)take(&in, 4);
	if (odd & 32)
		tpm.interface = (uint32_t)take(&in, 4);
	if (odd & 64)
		tpm.status = (uint32_t)take(&in, 1);
}

/* H(H(0 ‖ H(key)) ‖ H(cap)) of the key above: sha256sum says so. */
static const uint8_t closed[32] = {0xb3, 0xc4, 0x67, 0xb2, 0x7e, 0xb7, 0x3f, 0x58, 0x71, 0x76, 0x3e,
				   0x52, 0xde, 0xab, 0xae, 0x39, 0x9e, 0xbd, 0xf3, 0xa7, 0x5f, 0xf0,
				   0xad, 0x2d, 0x99, 0xda, 0xeb, 0x0e, 0xe4, 0xd7, 0x18, 0x69};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	in = (struct input){data, size};
	registers();
	root_wipe();
	static const struct boot_info bi = {
		.rsdp = 1, .core_base = CORE, .core_size = CORE_BYTES, .cmdline = ""};
	const char *why = tpm_attach(&bi, "none");

	require(tpm.ms <= MOST_MS);
	require(!strcmp(root_name(), "none") || !strcmp(root_name(), "tpm"));
	if (why) {
		require(!strcmp(root_name(), "none") && !root_seals());
		return 0;
	}
	/* The host runs now: PCR 13 was closed, or was never zero, or there is no such TPM. */
	if (!strcmp(root_name(), "tpm")) {
		require(tpm.last_code == 0x17e && tpm.last_size == 62);
		require(!memcmp(tpm.last + 30, closed, 32));
	} else {
		require(tpm.commands <= 1 && !root_seals());
	}
	if (root_seals())
		require(tpm.creations == 2 && tpm.session_over);
	/* Whatever was loaded has been flushed, if the TPM was still to be spoken to. */
	require(tpm.given_up || tpm.handles[0] == tpm.flushed[0]);
	require(tpm.given_up || tpm.session_over || tpm.handles[1] == tpm.flushed[1]);
	return 0;
}
