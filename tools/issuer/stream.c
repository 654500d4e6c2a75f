// SPDX-License-Identifier: Apache-2.0
#include "stream.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <openssl/err.h>

#define LINGER_MS  1000u
#define LINGER_MAX 65536u

SSL_CTX *stream_context(bool server)
{
	static char groups[] = "X25519:P-256:P-384"; // not constant, as OpenSSL's macro casts it
	SSL_CTX *c = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());

	if (!c)
		return NULL;
	if (SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_set_cipher_list(c, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL") == 1 &&
	    SSL_CTX_set1_groups_list(c, groups) == 1 && SSL_CTX_set_num_tickets(c, 0) == 1) {
		SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
					       SSL_OP_NO_RENEGOTIATION);
		SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
		return c;
	}
	SSL_CTX_free(c);
	return NULL;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// Until what OpenSSL waits for can be done: 0, or a negative errno; -EPROTO: it waits for nothing.
static int wait_for(struct stream *s, int rc)
{
	int state = SSL_get_error(s->ssl, rc);
	struct pollfd p = {.fd = s->socket.fd,
			   .events = state == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN};

	if (state != SSL_ERROR_WANT_READ && state != SSL_ERROR_WANT_WRITE)
		return -EPROTO;
	for (;;) {
		int64_t left = s->socket.deadline_ms - now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		int n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int handshake(struct stream *s, char error[CL_ERROR_SIZE])
{
	for (;;) {
		ERR_clear_error();
		int done = SSL_do_handshake(s->ssl);
		if (done == 1)
			return 0;
		int rc = wait_for(s, done);
		if (!rc)
			continue;
		long verdict = SSL_get_verify_result(s->ssl);
		const char *why = ERR_reason_error_string(ERR_peek_last_error());
		ERR_clear_error();
		if (rc != -EPROTO)
			return clv_error(error, rc, "TLS: %s", strerror(-rc));
		if (verdict != X509_V_OK)
			return clv_error(error, -EACCES, "TLS: the certificate is not accepted: %s",
					 X509_verify_cert_error_string(verdict));
		return clv_error(error, rc, "TLS: %s", why ?: "the peer has hung up");
	}
}

int stream_open(struct stream *s, SSL_CTX *context, struct clv_socket socket, const char *name,
		char error[CL_ERROR_SIZE])
{
	*s = (struct stream){.ssl = SSL_new(context), .socket = socket};
	int rc = s->ssl && SSL_set_fd(s->ssl, socket.fd) == 1 &&
				 (!name ||
				  SSL_ctrl(s->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
					   TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)name) == 1)
			 ? 0
			 : clv_error(error, -ENOMEM, "TLS: no memory");

	if (!rc) {
		if (SSL_is_server(s->ssl))
			SSL_set_accept_state(s->ssl);
		else
			SSL_set_connect_state(s->ssl);
		rc = handshake(s, error);
	}
	if (rc) {
		SSL_free(s->ssl);
		clv_close(&s->socket);
	}
	return rc;
}

int stream_write(struct stream *s, const void *data, size_t size)
{
	size_t written;

	for (;;) {
		ERR_clear_error();
		int done = SSL_write_ex(s->ssl, data, size, &written);
		if (done == 1)
			return 0;
		int rc = wait_for(s, done);
		if (rc)
			return rc;
	}
}

ssize_t stream_read(struct stream *s, void *data, size_t size)
{
	size_t n;

	for (;;) {
		ERR_clear_error();
		int done = SSL_read_ex(s->ssl, data, size, &n);
		// A peer that always has one more byte meets the deadline, too.
		if (now_ms() >= s->socket.deadline_ms)
			return -ETIMEDOUT;
		if (done == 1)
			return (ssize_t)n;
		if (SSL_get_error(s->ssl, done) == SSL_ERROR_ZERO_RETURN)
			return 0;
		int rc = wait_for(s, done);
		if (rc)
			return rc;
	}
}

// What the peer still says is read and dropped for a moment: closed on it, the connection would be
// reset, and the peer could lose what it was told last.
static void drain(struct stream *s)
{
	char dropped[4096];

	shutdown(s->socket.fd, SHUT_WR);
	clv_deadline(&s->socket, LINGER_MS);
	for (size_t n = 0; n < LINGER_MAX; n += sizeof(dropped))
		if (clv_receive(&s->socket, dropped, sizeof(dropped)) <= 0)
			return;
}

void stream_close(struct stream *s)
{
	ERR_clear_error();
	SSL_shutdown(s->ssl);
	ERR_clear_error();
	drain(s);
	SSL_free(s->ssl);
	clv_close(&s->socket);
}
