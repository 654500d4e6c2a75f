/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What evidence on a channel answers, in the place of a verifier's nonce: SHA-256 of the
 * deterministic CBOR (RFC 8949, section 4.2.1) of
 *
 *   [ "cloister channel 1", role, nonce-i, nonce-r, exporter, spki-i, spki-r ]
 *
 * role is "initiator" or "responder": whose evidence it is. docs/attested-channel.md says against
 * what each member stands.
 */
#ifndef CHANNEL_BINDING_H
#define CHANNEL_BINDING_H

#include <stdint.h>
#include <cloister/evidence.h>
#include <cloister/report.h>

#define CHANNEL_NONCE_SIZE    32u
#define CHANNEL_EXPORTER_SIZE 32u

/* The initiator is TLS's client. */
enum channel_role { CHANNEL_INITIATOR, CHANNEL_RESPONDER, CHANNEL_ROLES };

struct channel_session {
	uint8_t nonce[CHANNEL_ROLES][CHANNEL_NONCE_SIZE];
	uint8_t spki[CHANNEL_ROLES][CL_REPORT_SPKI_SIZE];
	uint8_t exporter[CHANNEL_EXPORTER_SIZE]; /* RFC 8446, section 7.5 */
};

/* 0 or -EIO. */
int channel_binding(const struct channel_session *session, enum channel_role role,
		    uint8_t binding[CL_EVIDENCE_NONCE_SIZE]);

#endif
