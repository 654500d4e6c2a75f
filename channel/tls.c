// SPDX-License-Identifier: Apache-2.0
// Memory BIOs keep OpenSSL away from the socket, so that each wait has the socket's deadline.
#include "tls.h"
#include <errno.h>
#include <string.h>
#include <openssl/err.h>
#include "../verify/auto.h"

#define ALPN                                                                                       \
	"\x11"                                                                                     \
	"cloister-channel1"
#define EXPORTER "EXPORTER-cloister-channel-1"
/* A peer that wants to send more than this during the handshake is none of ours. */
#define HANDSHAKE_MAX	16384u
#define CERTIFICATE_MAX 2048
#define HEAD		4u
#define PIECE		16384u

static void free_context(SSL_CTX **context)
{
	SSL_CTX_free(*context);
}

// Any certificate does, if its key is on P-256: TLS proves that the peer has the key, and that is
// all that is asked of it here.
static int any_key(X509_STORE_CTX *store, void *unused)
{
	X509 *leaf = X509_STORE_CTX_get0_cert(store);
	EVP_PKEY *key = leaf ? X509_get0_pubkey(leaf) : NULL;
	uint8_t spki[CL_REPORT_SPKI_SIZE];

	(void)unused;
	if (!key || channel_spki(key, spki)) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
		return 0;
	}
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
			   const unsigned char *in, unsigned int in_size, void *unused)
{
	static const unsigned char ours[] = ALPN;

	(void)ssl;
	(void)unused;
	if (in_size != sizeof(ours) - 1 || memcmp(in, ours, in_size) != 0)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = ours + 1;
	*out_size = ours[0];
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(const struct channel_key *key)
{
	AUTO(free_context) SSL_CTX *c = SSL_CTX_new(TLS_method());
	static const unsigned char alpn[] = ALPN;
	// Not constant, as OpenSSL's macros cast them.
	static char groups[] = "X25519:P-256", signatures[] = "ECDSA+SHA256";

	if (!c || SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set1_groups_list(c, groups) != 1 ||
	    SSL_CTX_set1_sigalgs_list(c, signatures) != 1 || SSL_CTX_set_num_tickets(c, 0) != 1 ||
	    SSL_CTX_set_alpn_protos(c, alpn, sizeof(alpn) - 1) != 0 ||
	    SSL_CTX_use_certificate(c, key->certificate) != 1 ||
	    SSL_CTX_use_PrivateKey(c, key->key) != 1)
		return NULL;
	SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(c, CERTIFICATE_MAX);
	SSL_CTX_set_alpn_select_cb(c, choose_protocol, NULL);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(c, any_key, NULL);
	SSL_CTX *made = c;
	c = NULL;
	return made;
}

static SSL *make_ssl(SSL_CTX *context, enum channel_role role)
{
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	SSL *ssl = SSL_new(context);

	if (!in || !out || !ssl) {
		BIO_free(in);
		BIO_free(out);
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_bio(ssl, in, out);
	if (role == CHANNEL_INITIATOR)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	return ssl;
}

static void tls_free(struct channel_tls *tls)
{
	SSL_free(tls->ssl);
	tls->ssl = NULL;
	clv_close(&tls->socket);
}

// What OpenSSL has to say, to the socket.
static int flush(struct channel_tls *tls)
{
	char *data;
	long size = BIO_get_mem_data(SSL_get_wbio(tls->ssl), &data);
	int rc = size > 0 ? clv_send(&tls->socket, data, (size_t)size) : 0;

	(void)BIO_reset(SSL_get_wbio(tls->ssl));
	return rc;
}

// More from the socket for OpenSSL: how many bytes, or 0 at its end.
static int fill(struct channel_tls *tls)
{
	uint8_t piece[PIECE];
	ssize_t n = clv_receive(&tls->socket, piece, sizeof(piece));

	if (n > 0 && BIO_write(SSL_get_rbio(tls->ssl), piece, (int)n) != n)
		return -ENOMEM;
	return (int)n;
}

static int handshake(struct channel_tls *tls, char error[CL_ERROR_SIZE])
{
	size_t received = 0;

	for (;;) {
		char why[128];
		ERR_clear_error();
		int rc = SSL_do_handshake(tls->ssl);
		int state = SSL_get_error(tls->ssl, rc);
		int sent = flush(tls);
		if (rc == 1)
			return sent ? clv_error(error, sent, "TLS: %s", strerror(-sent)) : 0;
		if (state != SSL_ERROR_WANT_READ) {
			ERR_error_string_n(ERR_peek_last_error(), why, sizeof(why));
			ERR_clear_error();
			return clv_error(error, -EPROTO, "TLS: no channel: %s", why);
		}
		int n = sent ?: fill(tls);
		if (n < 0)
			return clv_error(error, n, "TLS: %s", strerror(-n));
		received += (size_t)n;
		if (!n || received > HANDSHAKE_MAX)
			return clv_error(error, -EPROTO,
					 n ? "TLS: the handshake is too long"
					   : "TLS: the peer ended the handshake");
	}
}

// Both must have chosen it: a server that ignores ALPN is not one of ours.
static bool protocol_chosen(SSL *ssl)
{
	static const unsigned char ours[] = ALPN;
	const unsigned char *chosen;
	unsigned int size;

	SSL_get0_alpn_selected(ssl, &chosen, &size);
	return size == ours[0] && memcmp(chosen, ours + 1, size) == 0;
}

int tls_open(struct channel_tls *tls, struct clv_socket socket, const struct channel_key *key,
	     enum channel_role role, char error[CL_ERROR_SIZE])
{
	AUTO(free_context) SSL_CTX *context = make_context(key);

	*tls = (struct channel_tls){.socket = socket};
	tls->ssl = context ? make_ssl(context, role) : NULL;
	int rc = tls->ssl ? handshake(tls, error) : clv_error(error, -ENOMEM, "TLS: no memory");
	if (!rc && !protocol_chosen(tls->ssl))
		rc = clv_error(error, -EPROTO, "TLS: the peer does not speak this protocol");
	if (rc)
		tls_free(tls);
	return rc;
}

void tls_close(struct channel_tls *tls)
{
	if (!tls->ssl)
		return;
	ERR_clear_error();
	SSL_shutdown(tls->ssl);
	flush(tls);
	tls_free(tls);
}

int tls_peer(const struct channel_tls *tls, uint8_t spki[CL_REPORT_SPKI_SIZE])
{
	X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
	EVP_PKEY *key = certificate ? X509_get0_pubkey(certificate) : NULL;

	return key ? channel_spki(key, spki) : -EPROTO;
}

int tls_export(const struct channel_tls *tls, const uint8_t context[CL_HASH_SIZE],
	       uint8_t exporter[CHANNEL_EXPORTER_SIZE])
{
	return SSL_export_keying_material(tls->ssl, exporter, CHANNEL_EXPORTER_SIZE, EXPORTER,
					  sizeof(EXPORTER) - 1, context, CL_HASH_SIZE, 1) == 1
		       ? 0
		       : -EIO;
}

int tls_send(struct channel_tls *tls, const uint8_t *data, size_t size)
{
	const uint8_t head[HEAD] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16),
				    (uint8_t)(size >> 8), (uint8_t)size};
	size_t written;

	if (!size || size > UINT32_MAX)
		return -EINVAL;
	ERR_clear_error();
	if (SSL_write_ex(tls->ssl, head, HEAD, &written) != 1 ||
	    SSL_write_ex(tls->ssl, data, size, &written) != 1) {
		ERR_clear_error();
		return -EIO;
	}
	return flush(tls);
}

// 1: all of it; 0: the peer ended the channel before its first byte; or a negative errno.
static int receive_all(struct channel_tls *tls, uint8_t *data, size_t size)
{
	for (size_t got = 0, n = 0; got < size; got += n) {
		ERR_clear_error();
		int rc = SSL_read_ex(tls->ssl, data + got, size - got, &n);
		if (rc == 1)
			continue;
		n = 0;
		switch (SSL_get_error(tls->ssl, rc)) {
		case SSL_ERROR_WANT_READ:
			rc = flush(tls) ?: fill(tls);
			if (rc <= 0)
				return rc ?: -EPROTO; // without TLS's end: cut off
			break;
		case SSL_ERROR_ZERO_RETURN:
			return got ? -EPROTO : 0;
		default:
			ERR_clear_error();
			return -EPROTO;
		}
	}
	return 1;
}

int tls_receive(struct channel_tls *tls, uint8_t *data, size_t max)
{
	uint8_t head[HEAD];
	int rc = receive_all(tls, head, HEAD);

	if (rc <= 0)
		return rc;
	uint32_t size = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 |
			head[3];
	if (!size)
		return -EPROTO;
	if (size > max || size > INT_MAX)
		return -EMSGSIZE;
	rc = receive_all(tls, data, size);
	return rc > 0 ? (int)size : rc ?: -EPROTO;
}
