// SPDX-License-Identifier: Apache-2.0
// Play a TPM 2.0: registers, buffer, time, and the meaning of the commands.
#include "tpm_played.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "tpm/hw.h"

#define KEY_HANDLE     0x80000001u
#define SESSION_HANDLE 0x03000002u

/* Registers of the FIFO (PTP, section 6.5.2). */
#define ACCESS 0x00
#define STS    0x18
#define DATA   0x24

struct played played;
bool played_fifo;

/* Of the FIFO (PTP, section 6.5.2). */
enum fifo_state { IDLE, READY, RECEPTION, EXECUTION, COMPLETION };

static struct {
	bool running, idle;
	enum fifo_state state;
	bool aborting;
	uint32_t at; /* byte of the FIFO */
	uint64_t done_at;
	uint8_t response[PLAYED_SIZE];
	uint32_t size;
	bool ecc;
	uint8_t key_policy[32], session_policy[32];
} tpm;

void played_reset(void)
{
	uint8_t seed[32], boot[24][32];

	memcpy(seed, played.seed, sizeof(seed));
	memcpy(boot, played.pcr, sizeof(boot));
	memset(boot[13], 0, 32);
	memset(&played, 0, sizeof(played));
	memset(&tpm, 0, sizeof(tpm));
	memcpy(played.seed, seed, sizeof(seed));
	memcpy(played.pcr, boot, sizeof(boot));
	played.interface = played_fifo ? 0 : 1;
	tpm.idle = true;
}

static uint32_t be(const uint8_t *p, unsigned bytes)
{
	uint32_t v = 0;

	while (bytes--)
		v = v << 8 | *p++;
	return v;
}

static uint8_t *to;
static void put(uint32_t v, unsigned bytes)
{
	while (bytes--)
		*to++ = (uint8_t)(v >> (8 * bytes));
}

static void put_bytes(const void *p, size_t n)
{
	memcpy(to, p, n);
	to += n;
}

static void sha256(uint8_t out[32], const void *a, size_t n, const void *b, size_t m)
{
	uint8_t all[512];
	unsigned size;

	memcpy(all, a, n);
	if (m)
		memcpy(all + n, b, m);
	EVP_Digest(all, n + m, out, &size, EVP_sha256(), NULL);
}

/* TPM 2.0 Library, part 3, section 23.7, with the values of now. */
static void extend_policy(uint8_t policy[32], const uint8_t selection[10], uint32_t pcrs)
{
	uint8_t values[24 * 32], digest[32], all[32 + 4 + 10 + 32];
	size_t n = 0;

	for (unsigned i = 0; i < 24; i++)
		if (pcrs >> i & 1) {
			memcpy(values + n, played.pcr[i], 32);
			n += 32;
		}
	unsigned size;
	EVP_Digest(values, n, digest, &size, EVP_sha256(), NULL);
	memcpy(all, policy, 32);
	memcpy(all + 32, "\0\0\1\x7f", 4);
	memcpy(all + 36, selection, 10);
	memcpy(all + 46, digest, 32);
	EVP_Digest(all, sizeof(all), policy, &size, EVP_sha256(), NULL);
}

static void derive(const uint8_t policy[32], const char *text, size_t n, uint8_t out[32])
{
	uint8_t key[32];

	sha256(key, played.seed, 32, policy, 32);
	HMAC(EVP_sha256(), key, 32, (const uint8_t *)text, n, out, NULL);
}

/* With the parameters of a command that has sessions: handle(s), then an area. */
static uint32_t code_of(const uint8_t *c, uint32_t size)
{
	uint32_t code = be(c + 6, 4);
	uint8_t *parameters;

	switch (code) {
	case 0x17e: { /* PCR_Read */
		uint32_t pcrs = c[17] | (uint32_t)c[18] << 8 | (uint32_t)c[19] << 16, n = 0;

		if (be(c + 10, 4) != 1 || be(c + 14, 2) != 0x0b || c[16] != 3 || size != 20)
			return 0x95;
		for (unsigned i = 0; i < 24; i++)
			n += pcrs >> i & 1;
		put(7, 4);
		if (played.no_bank) {
			put(0, 4);
			put(0, 4);
			return 0;
		}
		put_bytes(c + 10, 10);
		put(n, 4);
		for (unsigned i = 0; i < 24; i++)
			if (pcrs >> i & 1) {
				put(32, 2);
				put_bytes(played.pcr[i], 32);
			}
		return 0;
	}
	case 0x182: /* PCR_Extend */
		if (be(c + 10, 4) > 23 || be(c + 14, 4) != 9 || be(c + 18, 4) != 0x40000009 ||
		    be(c + 27, 4) != 1 || be(c + 31, 2) != 0x0b || size != 65)
			return 0x95;
		sha256(played.pcr[be(c + 10, 4)], played.pcr[be(c + 10, 4)], 32, c + 33, 32);
		put(0, 4);
		break;
	case 0x131: /* CreatePrimary */
		if (be(c + 10, 4) != 0x40000001 || be(c + 27, 2) != 4)
			return 0x95;
		tpm.ecc = be(c + 35, 2) == 0x23;
		memcpy(tpm.key_policy, c + 45, 32);
		played.keys++;
		put(KEY_HANDLE, 4);
		parameters = to;
		put(0, 4);
		if (tpm.ecc) {
			put(be(c + 33, 2) + 32 + 31, 2);
			put_bytes(c + 35, be(c + 33, 2) - 4u);
			put(32, 2);
			for (unsigned i = 0; i < 32; i++)
				put(i + 1, 1);
			put(31, 2); /* one with a leading zero, which some TPMs leave out */
			for (unsigned i = 0; i < 31; i++)
				put(i + 101, 1);
		} else {
			put(be(c + 33, 2) + 32, 2);
			put_bytes(c + 35, be(c + 33, 2) - 2u);
			put(32, 2);
			put_bytes(tpm.key_policy, 32);
		}
		put(3, 2); /* creation data, hash, ticket, name: in the least of forms */
		put(0, 3);
		put(0, 2);
		put(0, 4);
		put(0, 4);
		uint32_t all = (uint32_t)(to - parameters) - 4;
		uint8_t *after = to;

		to = parameters;
		put(all, 4);
		to = after;
		break;
	case 0x176: /* StartAuthSession */
		if (c[38] != 1 || be(c + 41, 2) != 0x0b || size != 43)
			return 0x95;
		memset(tpm.session_policy, 0, 32);
		played.sessions++;
		put(SESSION_HANDLE, 4);
		put(16, 2);
		put_bytes(played.seed, 16);
		return 0;
	case 0x17f: /* PolicyPCR */
		if (be(c + 10, 4) != SESSION_HANDLE || be(c + 14, 2) || size != 26)
			return 0x95;
		extend_policy(tpm.session_policy, c + 16,
			      c[23] | (uint32_t)c[24] << 8 | (uint32_t)c[25] << 16);
		return 0;
	case 0x155: /* HMAC */
		if (be(c + 10, 4) != KEY_HANDLE || be(c + 18, 4) != SESSION_HANDLE)
			return 0x95;
		if (memcmp(tpm.session_policy, tpm.key_policy, 32))
			return 0x99d; /* TPM_RC_POLICY_FAIL */
		put(34, 4);
		put(32, 2);
		derive(tpm.key_policy, (const char *)c + 45, be(c + 43, 2), to);
		to += 32;
		played.sessions--;
		break;
	case 0x165: /* FlushContext */
		if (be(c + 10, 4) == KEY_HANDLE && played.keys)
			played.keys--;
		else if (be(c + 10, 4) == SESSION_HANDLE && played.sessions)
			played.sessions--;
		else
			return 0x1cb; /* TPM_RC_HANDLE */
		return 0;
	default:
		return 0x143;
	}
	put(0, 2); /* the session's part */
	put(1, 1);
	put(0, 2);
	return 0;
}

static void execute(void)
{
	uint8_t command[PLAYED_SIZE];
	uint32_t code, rc = 0;

	memcpy(command, played.buffer, sizeof(command));
	code = be(command + 6, 4);
	if (played.commands < PLAYED_COMMANDS)
		played.codes[played.commands] = code;
	played.commands++;
	to = tpm.response + 10;
	if (played.refuse_at && played.commands >= played.refuse_at &&
	    played.commands <= played.refuse_at + played.refuse_times)
		rc = played.refuse_code;
	if (!rc)
		rc = code_of(command, be(command + 2, 4));
	tpm.size = rc ? 10 : (uint32_t)(to - tpm.response);
	to = tpm.response;
	put(rc ? 0x8001 : be(command, 2), 2);
	put(tpm.size, 4);
	put(rc, 4);
	if (played.change)
		played.change(played.commands, code, tpm.response, &tpm.size);
	tpm.running = true;
	tpm.done_at = played.commands == played.slow_at ? played.ms + played.slow_ms : played.ms;
	if (played.commands == played.slow_at && played.slow_ms == PLAYED_NEVER)
		tpm.done_at = PLAYED_NEVER;
}

static void advance(void)
{
	if (tpm.running && played.ms >= tpm.done_at) {
		tpm.running = false;
		memcpy(played.buffer, tpm.response, tpm.size);
		tpm.state = tpm.aborting ? IDLE : COMPLETION;
		tpm.at = 0;
		tpm.aborting = false;
	}
}

/* ---- the FIFO ---- */

static bool expects(void)
{
	if (tpm.state != RECEPTION || played.never_expects)
		return played.always_expects;
	return tpm.at < 6 || tpm.at < be(played.buffer + 2, 4) || played.always_expects;
}

static bool available(void)
{
	if (tpm.state != COMPLETION || played.never_avail)
		return false;
	return tpm.at < tpm.size + played.extra_bytes || played.avail_sticks;
}

static uint8_t status(void)
{
	if (!played.locality || played.error_state)
		return 0xff;
	return (uint8_t)(0x80u | (tpm.state == READY && !played.never_ready ? 0x40u : 0) |
			 (available() ? 0x10u : 0) | (expects() ? 0x08u : 0) | 0x04u);
}

static void end_or_begin(void)
{
	if (tpm.state == EXECUTION) {
		if (!played.deaf_to_cancel) {
			tpm.done_at = played.ms + 1;
			tpm.aborting = true;
		}
		return;
	}
	tpm.state = tpm.state == IDLE || tpm.state == READY ? READY : IDLE;
	tpm.at = 0;
	memset(played.buffer, 0, sizeof(played.buffer));
}

static uint8_t fifo_read(uint64_t at)
{
	switch (at) {
	case ACCESS:
		return played.locality ? 0xa0 : 0x80;
	case STS:
		return status();
	case DATA:
		if (tpm.state == COMPLETION && tpm.at < PLAYED_SIZE)
			return played.buffer[tpm.at++];
	}
	return 0xff;
}

static void fifo_write(uint64_t at, uint8_t value)
{
	if (at == ACCESS && value == 0x02) {
		played.requests++;
		played.locality = !played.never_grants;
	}
	if (at == ACCESS && value == 0x20)
		played.locality = false;
	if (!played.locality)
		return;
	if (at == STS && value == 0x40)
		end_or_begin();
	if (at == STS && value == 0x20 && tpm.state == RECEPTION && !expects()) {
		tpm.state = EXECUTION;
		execute();
	}
	if (at == DATA && (tpm.state == READY || tpm.state == RECEPTION) && tpm.at < PLAYED_SIZE) {
		tpm.state = RECEPTION;
		played.buffer[tpm.at++] = value;
	}
}

static uint32_t burst(void)
{
	return played.no_burst ? 0 : played.burst ? played.burst : 64;
}

/* ---- registers ---- */

static bool nothing(uint32_t *value)
{
	*value = played.absent ? UINT32_MAX : 0;
	return played.absent || played.absent_zero;
}

uint32_t tpm_hw_read(uint64_t pa)
{
	uint32_t none;

	if (nothing(&none))
		return none;
	if (played_fifo && pa - PLAYED_BASE == STS)
		return status() | burst() << 8;
	if (played_fifo && pa - PLAYED_BASE != 0x30)
		return UINT32_MAX;
	uint64_t c = played.command_addr ? played.command_addr : PLAYED_BUFFER;
	uint64_t r = played.response_addr ? played.response_addr : PLAYED_BUFFER;

	advance();
	switch (pa - PLAYED_BASE) {
	case 0x00:
		return 0x80u | (played.locality ? 2u : 0);
	case 0x30:
		return played.interface;
	case 0x40:
		return played.never_ready ? 1 : 0;
	case 0x44:
		return (tpm.idle ? 2u : 0) | (played.error_state ? 1u : 0);
	case 0x4c:
		return tpm.running;
	case 0x58:
		return played.command_size ? played.command_size : PLAYED_SIZE;
	case 0x5c:
		return (uint32_t)c;
	case 0x60:
		return (uint32_t)(c >> 32);
	case 0x64:
		return played.response_size ? played.response_size : PLAYED_SIZE;
	case 0x68:
		return (uint32_t)r;
	case 0x6c:
		return (uint32_t)(r >> 32);
	}
	return 0;
}

void tpm_hw_write(uint64_t pa, uint32_t value)
{
	switch (pa - PLAYED_BASE) {
	case 0x08:
		if (value & 1 && !played.never_grants)
			played.locality = true;
		if (value & 2)
			played.locality = false;
		break;
	case 0x40:
		tpm.idle = value & 2;
		break;
	case 0x48:
		if (value && tpm.running && !played.deaf_to_cancel)
			tpm.done_at = played.ms + 1;
		break;
	case 0x4c:
		if (value && !tpm.running && played.locality && !tpm.idle)
			execute();
		break;
	}
}

void tpm_hw_copy_in(uint8_t *out, uint64_t pa, uint32_t size)
{
	uint32_t none;

	advance();
	if (nothing(&none))
		memset(out, (int)none, size);
	else if (played_fifo)
		*out = fifo_read(pa - PLAYED_BASE);
	else
		memcpy(out, played.buffer + (pa - PLAYED_BUFFER), size);
}

void tpm_hw_copy_out(uint64_t pa, const uint8_t *from, uint32_t size)
{
	if (played_fifo)
		fifo_write(pa - PLAYED_BASE, *from);
	else
		memcpy(played.buffer + (pa - PLAYED_BUFFER), from, size);
}

uint64_t tpm_hw_ms(void)
{
	return played.ms;
}

void tpm_hw_pause(void)
{
	played.ms++;
}

uint32_t played_host_hmac(const uint8_t policy[32], const char *text, uint8_t out[32])
{
	static const uint8_t selection[10] = {0, 0, 0, 1, 0, 0x0b, 3, 0x15, 0x20, 0};
	uint8_t now[32] = {0};

	extend_policy(now, selection, 0x2015);
	if (memcmp(now, policy, 32))
		return 0x99d;
	derive(policy, text, strlen(text), out);
	return 0;
}
