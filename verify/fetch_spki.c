// SPDX-License-Identifier: Apache-2.0
// Learn which key a TLS server holds, and the certificate that it shows with it.
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "socket.h"

/* A server that wants to send more than this during a handshake is no server of ours. */
#define HANDSHAKE_MAX CL_CERTIFICATE_MAX
/* Longest DNS name (RFC 1035, section 2.3.4). */
#define HOST_MAX 255u

static void free_ssl_ctx(SSL_CTX **p)
{
	SSL_CTX_free(*p);
}

static void free_ssl(SSL **p)
{
	SSL_free(*p);
}

static void free_x509(X509 **p)
{
	X509_free(*p);
}

#define AUTO(function) __attribute__((cleanup(function)))

static SSL *make_client(SSL_CTX *ctx, const char *host)
{
	char name[HOST_MAX + 1]; /* the macro below wants it writable */
	struct in6_addr any;
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	SSL *ssl = SSL_new(ctx);

	if (!in || !out || !ssl) {
		BIO_free(in);
		BIO_free(out);
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_bio(ssl, in, out); /* ssl owns both now */
	/* Server Name Indication carries names only (RFC 6066, section 3). */
	snprintf(name, sizeof(name), "%s", host);
	if (inet_pton(AF_INET, host, &any) != 1 && inet_pton(AF_INET6, host, &any) != 1)
		SSL_set_tlsext_host_name(ssl, name);
	SSL_set_connect_state(ssl);
	return ssl;
}

/* Send what OpenSSL has to say. Memory BIOs keep its writes, and SIGPIPE, away from the socket. */
static int flush(SSL *ssl, struct clv_socket *s)
{
	char *data;
	long size = BIO_get_mem_data(SSL_get_wbio(ssl), &data);
	int rc = 0;

	if (size > 0)
		rc = clv_send(s, data, (size_t)size);
	(void)BIO_reset(SSL_get_wbio(ssl));
	return rc;
}

static int handshake(SSL *ssl, struct clv_socket *s, char error[CL_ERROR_SIZE])
{
	size_t received = 0;

	for (;;) {
		char buf[4096], why[128];
		int rc, state, sent;
		ssize_t n;

		ERR_clear_error(); /* or SSL_get_error would report older errors */
		rc = SSL_do_handshake(ssl);
		state = SSL_get_error(ssl, rc);
		sent = flush(ssl, s);
		if (rc == 1)
			return 0;
		if (state != SSL_ERROR_WANT_READ) {
			ERR_error_string_n(ERR_peek_last_error(), why, sizeof(why));
			return clv_error(error, -EPROTO, "TLS handshake failed: %s", why);
		}
		if (sent)
			return clv_error(error, sent, "TLS handshake: %s", strerror(-sent));
		n = clv_receive(s, buf, sizeof(buf));
		if (n < 0)
			return clv_error(error, (int)n, "TLS handshake: %s", strerror((int)-n));
		if (n == 0)
			return clv_error(error, -EPROTO, "the server ended the TLS handshake");
		received += (size_t)n;
		if (received > HANDSHAKE_MAX)
			return clv_error(error, -EPROTO, "the TLS handshake is too long");
		if (BIO_write(SSL_get_rbio(ssl), buf, (int)n) != n)
			return clv_error(error, -ENOMEM, "out of memory");
	}
}

/* The server's whole answer is one byte, 'S': with more, somebody else has spoken into it. */
static int ask_postgres(struct clv_socket *s, char error[CL_ERROR_SIZE])
{
	/* Length of the message, code of SSLRequest. */
	static const uint8_t request[8] = {0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f};
	char answer[2] = {0};
	ssize_t n = clv_send(s, request, sizeof(request));

	if (n == 0)
		n = clv_receive(s, answer, sizeof(answer));
	if (n < 0)
		return clv_error(error, (int)n, "PostgreSQL's SSLRequest: %s", strerror((int)-n));
	if (n != 1 || answer[0] != 'S')
		return clv_error(error, -EPROTO, "the server does not agree to TLS as PostgreSQL");
	return 0;
}

/* What to learn from a handshake. */
struct wanted {
	uint8_t *der; /* the certificate; NULL: not wanted */
	size_t capacity;
	uint8_t *spki;
};

static int hash_spki(X509 *cert, uint8_t spki[CL_REPORT_SPKI_SIZE], char error[CL_ERROR_SIZE])
{
	unsigned char *der = NULL;
	int size;

	size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	if (size <= 0)
		return clv_error(error, -EPROTO, "the server's certificate has no key");
	SHA256(der, (size_t)size, spki);
	OPENSSL_free(der);
	return 0;
}

static int copy_certificate(X509 *cert, uint8_t *out, size_t capacity, char error[CL_ERROR_SIZE])
{
	int size = i2d_X509(cert, NULL);

	if (size <= 0)
		return clv_error(error, -EPROTO, "the server's certificate cannot be encoded");
	if ((size_t)size > capacity)
		return clv_error(error, -ENOSPC,
				 "the server's certificate has %d bytes; give room for "
				 "CL_CERTIFICATE_MAX",
				 size);
	return i2d_X509(cert, &out);
}

/* Key and certificate of one connection: nobody can answer with two servers. */
static int learn(SSL *ssl, const struct wanted *want, char error[CL_ERROR_SIZE])
{
	AUTO(free_x509) X509 *cert = SSL_get1_peer_certificate(ssl);
	int rc;

	if (!cert)
		return clv_error(error, -EPROTO, "the server shows no certificate");
	rc = hash_spki(cert, want->spki, error);
	if (rc == 0 && want->der)
		rc = copy_certificate(cert, want->der, want->capacity, error);
	return rc;
}

static int fetch(const char *host, uint16_t port, const char *starttls, unsigned int timeout_ms,
		 const struct wanted *want, char error[CL_ERROR_SIZE])
{
	AUTO(free_ssl_ctx) SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	AUTO(free_ssl) SSL *ssl = NULL;
	AUTO(clv_close) struct clv_socket s = {.fd = -1};
	int rc;

	/*
	 * TLS 1.3 only: there, CertificateVerify always proves that the server holds the key
	 * (RFC 8446, section 4.4.3). Trust comes from the report, so no CA is asked.
	 */
	if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1)
		return clv_error(error, -ENOMEM, "cannot set up TLS");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	ssl = make_client(ctx, host);
	if (!ssl)
		return clv_error(error, -ENOMEM, "cannot set up TLS");

	rc = clv_connect(&s, host, port, timeout_ms, error);
	if (rc == 0 && starttls)
		rc = ask_postgres(&s, error);
	if (rc == 0)
		rc = handshake(ssl, &s, error);
	if (rc == 0)
		rc = learn(ssl, want, error);
	if (rc >= 0) {
		/* A farewell spares the server an error in its log. */
		SSL_shutdown(ssl);
		(void)flush(ssl, &s);
	}
	return rc;
}

static int check_and_fetch(const char *host, uint16_t port, const char *starttls,
			   unsigned int timeout_ms, const struct wanted *want,
			   char error[CL_ERROR_SIZE])
{
	int rc;

	if (!host || !*host || strlen(host) > HOST_MAX || !port || !timeout_ms || !want->spki)
		return clv_error(error, -EINVAL, "bad host, port or time-out");
	if (starttls && strcmp(starttls, "postgres") != 0)
		return clv_error(error, -EINVAL, "only PostgreSQL's way to TLS is known");
	rc = fetch(host, port, starttls, timeout_ms, want, error);
	ERR_clear_error();
	return rc;
}

int cl_fetch_spki(const char *host, uint16_t port, const char *starttls, unsigned int timeout_ms,
		  uint8_t spki[CL_REPORT_SPKI_SIZE], char error[CL_ERROR_SIZE])
{
	const struct wanted want = {.spki = spki};

	if (!error)
		return -EINVAL;
	return check_and_fetch(host, port, starttls, timeout_ms, &want, error);
}

int cl_fetch_certificate(const char *host, uint16_t port, const char *starttls,
			 unsigned int timeout_ms, uint8_t *der, size_t capacity,
			 uint8_t spki[CL_REPORT_SPKI_SIZE], char error[CL_ERROR_SIZE])
{
	const struct wanted want = {.der = der, .capacity = capacity, .spki = spki};

	if (!error)
		return -EINVAL;
	if (!der || !capacity)
		return clv_error(error, -EINVAL, "no room for a certificate");
	return check_and_fetch(host, port, starttls, timeout_ms, &want, error);
}
