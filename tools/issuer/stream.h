/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS's lower half: TLS 1.2 or 1.3 on a socket with one deadline over everything, so that a peer
 * that says a byte now and then is hung up on like a silent one.
 */
#ifndef CLOISTER_ISSUER_STREAM_H
#define CLOISTER_ISSUER_STREAM_H

#include <stdbool.h>
#include <openssl/ssl.h>
#include "../../verify/socket.h"

struct stream {
	SSL *ssl;
	struct clv_socket socket;
};

/* What all here have in common (Mozilla's "intermediate", SPIFFE_Federation.md, section 5). NULL
 * without memory. */
SSL_CTX *stream_context(bool server);

/*
 * The handshake on a connected non-blocking socket, which it then owns, also if it fails. A client
 * gives the name that it wants (SNI, RFC 6066), a server NULL. 0 or a negative errno with the
 * sentence; -> stream_close().
 */
int stream_open(struct stream *stream, SSL_CTX *context, struct clv_socket socket, const char *name,
		char error[CL_ERROR_SIZE]);
/* All of it, or a negative errno. */
int stream_write(struct stream *stream, const void *data, size_t size);
/* At least a byte, 0 where the peer said that this is the end, or a negative errno. */
ssize_t stream_read(struct stream *stream, void *data, size_t size);
void stream_close(struct stream *stream);

#endif
