/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of this zone for a channel: the node's, which its untrusted host fetches from the TPM,
 * and the Core's report about the key.
 */
#ifndef CHANNEL_PROVE_H
#define CHANNEL_PROVE_H

#include <stdint.h>
#include <cloister/evidence.h>
#include <cloister/verify.h>

struct prover {
	const char *host; /* of the node's evidence service (`cloister evidence serve`) */
	uint16_t port;
	unsigned int timeout_ms;
};

/* As channel_self.prove (channel.h); `context` is a struct prover. core_open() first. */
int prover_prove(void *context, const uint8_t binding[CL_EVIDENCE_NONCE_SIZE],
		 const uint8_t spki[CL_REPORT_SPKI_SIZE], uint8_t out[CL_EVIDENCE_MAX],
		 char error[CL_ERROR_SIZE]);

#endif
