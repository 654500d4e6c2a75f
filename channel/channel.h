/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An attested channel: TLS 1.3 between two keys, then evidence on both that answers this very
 * connection (docs/attested-channel.md).
 *
 *   connect or accept → channel_open → channel_send, channel_receive … → channel_close
 *
 * Units: bytes and milliseconds. Errors: a negative errno with a sentence for people, which may
 * quote what the peer said. One thread at a time may use a channel.
 */
#ifndef CHANNEL_CHANNEL_H
#define CHANNEL_CHANNEL_H

#include <cloister/verify.h>
#include "binding.h"
#include "key.h"
#include "message.h"
#include "tls.h"

/* What this side brings. Borrowed; must outlive channel_open(). */
struct channel_self {
	const struct channel_key *key;
	/*
	 * Evidence whose quote and report answer `binding`, and whose report names this key (spki):
	 * its size, or a negative errno with the sentence. NULL: this side is no zone.
	 */
	int (*prove)(void *context, const uint8_t binding[CL_EVIDENCE_NONCE_SIZE],
		     const uint8_t spki[CL_REPORT_SPKI_SIZE], uint8_t out[CL_EVIDENCE_MAX],
		     char error[CL_ERROR_SIZE]);
	void *context;
};

/* Whom this side believes. Borrowed, as above. */
struct channel_trust {
	/* A zone whose evidence this accepts, at least with this verdict; or, where it is NULL, */
	struct cl_verifier *verifier;
	enum cl_verdict least;
	/* the holder of one of these keys (SHA-256 of the SubjectPublicKeyInfo). */
	const uint8_t (*keys)[CL_REPORT_SPKI_SIZE];
	size_t nr_keys;
};

struct channel {
	struct channel_tls tls;
	uint8_t peer[CL_REPORT_SPKI_SIZE];
	struct cl_verdict_result verdict; /* on the peer, if it was to be a zone */
};

/*
 * Makes a channel for `protocol` (printable, at most CHANNEL_PROTOCOL_MAX bytes, both sides the
 * same) of a connected non-blocking socket, which it then owns, also if it fails. The socket's
 * deadline is that of the whole. 0; -EACCES if one side refused the other; or what went wrong.
 */
int channel_open(struct channel *channel, struct clv_socket socket, enum channel_role role,
		 const char *protocol, const struct channel_self *self,
		 const struct channel_trust *trust, char error[CL_ERROR_SIZE]);
void channel_close(struct channel *channel);

/* A message of 1 byte or more, within timeout_ms. 0 or a negative errno. */
int channel_send(struct channel *channel, const uint8_t *data, size_t size,
		 unsigned int timeout_ms);
/* One message: its size, 0 if the peer has ended the channel, or a negative errno. */
int channel_receive(struct channel *channel, uint8_t *data, size_t max, unsigned int timeout_ms);

#endif
