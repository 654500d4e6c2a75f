/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS 1.3 between two keys that know nothing of each other (RFC 8446), and messages on it: 4 bytes
 * of length, big-endian, and as many bytes. No tickets, no early data, no certificates but the
 * peer's own.
 */
#ifndef CHANNEL_TLS_H
#define CHANNEL_TLS_H

#include <stdbool.h>
#include <openssl/ssl.h>
#include "../verify/socket.h"
#include "binding.h"
#include "key.h"

struct channel_tls {
	SSL *ssl;
	struct clv_socket socket;
};

/*
 * The handshake, on a connected socket, which it then owns: it is closed on failure, too. 0 or a
 * negative errno with the sentence; -> tls_close().
 */
int tls_open(struct channel_tls *tls, struct clv_socket socket, const struct channel_key *key,
	     enum channel_role role, char error[CL_ERROR_SIZE]);
/* Tells the peer that this is the end; a peer that does not listen is not waited for. */
void tls_close(struct channel_tls *tls);

/* SHA-256 of the key that the peer proved to hold. 0 or a negative errno. */
int tls_peer(const struct channel_tls *tls, uint8_t spki[CL_REPORT_SPKI_SIZE]);
int tls_export(const struct channel_tls *tls, const uint8_t context[CL_HASH_SIZE],
	       uint8_t exporter[CHANNEL_EXPORTER_SIZE]);

/* All of it, within the socket's deadline. 0 or a negative errno. */
int tls_send(struct channel_tls *tls, const uint8_t *data, size_t size);
/*
 * One message of at most `max` bytes. Its size (1 or more), 0 where the peer ended the channel, or
 * a negative errno: -EMSGSIZE if it is longer, -EPROTO if the connection ended without TLS's end.
 */
int tls_receive(struct channel_tls *tls, uint8_t *data, size_t max);

#endif
