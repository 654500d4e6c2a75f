/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM behind a command response buffer or a FIFO, and the time, in the place of core/tpm/hw.c. It
 * knows the few commands that the Core sends, computes with OpenSSL, and fails as a test wants.
 */
#ifndef TESTS_UNIT_TPM_PLAYED_H
#define TESTS_UNIT_TPM_PLAYED_H

#include <stdbool.h>
#include <stdint.h>

#define PLAYED_BASE	0xfed40000u
#define PLAYED_BUFFER	0xfed40080u
#define PLAYED_SIZE	3968u
#define PLAYED_NEVER	UINT64_MAX
#define PLAYED_COMMANDS 64u

struct played {
	/* Of the test. */
	bool absent;	    /* all ones, as from a bus with nothing there; or … */
	bool absent_zero;   /* … zeroes */
	uint32_t interface; /* INTF_ID */
	bool never_grants, never_ready, deaf_to_cancel, error_state;
	uint64_t command_addr, response_addr; /* as the registers say it; 0: PLAYED_BUFFER */
	uint32_t command_size, response_size; /* likewise */
	bool no_bank;			      /* no SHA-256 PCRs */
	bool no_burst, never_expects, always_expects, avail_sticks, never_avail; /* of the FIFO */
	uint32_t burst;	      /* bytes at a time; 0: 64 */
	uint32_t extra_bytes; /* behind each answer */
	unsigned refuse_at;   /* this command, counted from 1, is refused … */
	uint32_t refuse_code;
	unsigned refuse_times; /* … and so many behind it, too */
	unsigned slow_at;      /* this command takes … */
	uint64_t slow_ms;
	/* Called with each response before it is shown: nth, command code, the response. */
	void (*change)(unsigned nth, uint32_t code, uint8_t *response, uint32_t *size);

	/* Of the TPM. */
	uint8_t pcr[24][32];
	uint8_t seed[32];
	unsigned commands; /* that it has been given */
	uint32_t codes[PLAYED_COMMANDS];
	unsigned keys, sessions; /* loaded at the moment */
	bool locality;
	unsigned requests; /* of the locality */
	uint64_t ms;
	uint8_t buffer[PLAYED_SIZE];
};

extern struct played played;
extern bool played_fifo; /* which of the two it has; played_reset lets it be */

/* Anew: a TPM that was just reset, with these PCRs; its seed stays. */
void played_reset(void);

/* What the host can do: the same commands, past the Core. Gives the response code. */
uint32_t played_host_hmac(const uint8_t policy[32], const char *text, uint8_t out[32]);

#endif
