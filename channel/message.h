/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two sides say before the channel is open, in deterministic CBOR (channel.cddl):
 *
 *   hello   = [1, nonce, protocol]      both, at once
 *   proof   = [2, evidence / null]      first the initiator's, then the responder's
 *   refusal = [3, reason]               in the place of a proof, or after one
 *
 * Encoders return the size or -ENOSPC; decoders 0 or -EPROTO with `why` (static).
 */
#ifndef CHANNEL_MESSAGE_H
#define CHANNEL_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include "binding.h"

#define CHANNEL_PROTOCOL_MAX 32u /* bytes of printable ASCII */
#define CHANNEL_REASON_MAX   255u
#define CHANNEL_HELLO_MAX    128u
#define CHANNEL_PROOF_MAX    (CL_EVIDENCE_MAX + 16u)

int message_put_hello(const uint8_t nonce[CHANNEL_NONCE_SIZE], const char *protocol, uint8_t *out,
		      size_t max);
int message_take_hello(const uint8_t *data, size_t size, uint8_t nonce[CHANNEL_NONCE_SIZE],
		       char protocol[CHANNEL_PROTOCOL_MAX + 1], const char **why);

/* evidence: NULL for a side that is no zone. */
int message_put_proof(const uint8_t *evidence, size_t size, uint8_t *out, size_t max);
int message_put_refusal(const char *reason, uint8_t *out, size_t max);

struct message_proof {
	const uint8_t *evidence; /* into the message; NULL: none */
	size_t size;
	char refusal[CHANNEL_REASON_MAX + 1]; /* "": none; what is not printable is replaced */
};

int message_take_proof(const uint8_t *data, size_t size, struct message_proof *proof,
		       const char **why);

#endif
