/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware's event log: TCG PC Client Platform Firmware Profile 1.05 ("PFP"), section 10. It
 * comes from an untrusted host. What proves itself by a replay is the sequence of digests in each
 * PCR, and nothing else: not the types, not the data, not the order among PCRs.
 */
#ifndef VERIFY_EVENTLOG_H
#define VERIFY_EVENTLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cloister/verify.h>

/* PFP 1.05, section 10.4.1, table 27. */
#define CLV_EV_NO_ACTION	    0x00000003u
#define CLV_EV_SEPARATOR	    0x00000004u
#define CLV_EV_IPL		    0x0000000du
#define CLV_EV_EFI_BOOT_APPLICATION 0x80000003u /* EV_EFI_BOOT_SERVICES_APPLICATION */
#define CLV_EV_EFI_ACTION	    0x80000007u

#define CLV_LOG_ALGS_MAX	    8u
#define CLV_LOG_PCRS		    24u

struct clv_event {
	uint32_t pcr; /* < CLV_LOG_PCRS */
	uint32_t type;
	const uint8_t *digest; /* of the SHA-256 bank */
	const uint8_t *data;
	size_t size;
};

struct clv_log {
	const uint8_t *at;
	const uint8_t *end;
	size_t nr_algs;
	uint16_t alg[CLV_LOG_ALGS_MAX];
	uint16_t digest_size[CLV_LOG_ALGS_MAX];
};

/* Read the header event. 0, or -1 with the reason. */
int clv_log_open(struct clv_log *log, const uint8_t *data, size_t size,
		 char reason[CL_REASON_SIZE]);

/* The next event: 1, 0 at the end, -1 with the reason if it is malformed. */
int clv_log_next(struct clv_log *log, struct clv_event *event, char reason[CL_REASON_SIZE]);

/* Make of all events the PCRs of the SHA-256 bank. 0, or -1 with the reason. */
int clv_log_replay(const uint8_t *data, size_t size, uint8_t pcrs[CLV_LOG_PCRS][CL_PCR_SIZE],
		   char reason[CL_REASON_SIZE]);

#endif
