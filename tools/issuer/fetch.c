// SPDX-License-Identifier: Apache-2.0
// The request is one of HTTP/1.0, so that no answer comes in chunks (RFC 9112, section 7.1).
#include "fetch.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include "../../spiffe/x509_check.h"
#include "http_head.h"
#include "stream.h"

// The peer of an https_spiffe endpoint, as OpenSSL's callback judges it.
struct judge {
	const struct relation *relation;
	const struct spiffe_bundles *known;
	const char *why; // NULL: nothing is wrong so far
};

// The chain as the Workload API has it: how many bytes; 0: it is too long.
static size_t write_chain(STACK_OF(X509) * sent, uint8_t chain[SPIFFE_CHAIN_BYTES])
{
	size_t used = 0;

	for (int i = 0; i < sk_X509_num(sent); i++) {
		uint8_t *der = NULL;
		int size = i2d_X509(sk_X509_value(sent, i), &der);
		bool fits = size > 0 && (size_t)size <= SPIFFE_CHAIN_BYTES - used;
		if (fits) {
			memcpy(chain + used, der, (size_t)size);
			used += (size_t)size;
		}
		OPENSSL_free(der);
		if (!fits)
			return 0;
	}
	return used;
}

static const char *problem(const struct judge *j, STACK_OF(X509) * sent)
{
	static _Thread_local uint8_t chain[SPIFFE_CHAIN_BYTES];
	const char *why = "";
	struct spiffe_id id;
	size_t size = write_chain(sent, chain);

	if (!size)
		return "the endpoint's chain of certificates is of no acceptable size";
	if (spiffe_x509_check(chain, size, j->known, time(NULL), &id, &why))
		return why;
	if (!spiffe_id_equal(&id, &j->relation->endpoint))
		return "the endpoint has another SPIFFE ID than it is known by";
	return NULL;
}

static int judge_peer(X509_STORE_CTX *store, void *argument)
{
	struct judge *j = argument;

	j->why = problem(j, X509_STORE_CTX_get0_untrusted(store));
	X509_STORE_CTX_set_error(store, j->why ? X509_V_ERR_APPLICATION_VERIFICATION : X509_V_OK);
	return !j->why;
}

static int trust_web(SSL_CTX *c, const struct relation *r, char error[CL_ERROR_SIZE])
{
	X509_VERIFY_PARAM *p = SSL_CTX_get0_param(c);
	int good = r->ca_file ? SSL_CTX_load_verify_file(c, r->ca_file)
			      : SSL_CTX_set_default_verify_paths(c);

	ERR_clear_error();
	if (good != 1)
		return clv_error(error, -EINVAL, "%.200s: no certificates in PEM",
				 r->ca_file ?: "the system's roots");
	X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	good = r->numeric ? X509_VERIFY_PARAM_set1_ip_asc(p, r->host)
			  : X509_VERIFY_PARAM_set1_host(p, r->host, 0);
	return good == 1 ? 0 : clv_error(error, -EINVAL, "%.200s: no such host", r->host);
}

static SSL_CTX *make_context(struct judge *j, char error[CL_ERROR_SIZE])
{
	SSL_CTX *c = stream_context(false);
	int rc = c ? 0 : clv_error(error, -ENOMEM, "no memory");

	if (!rc && j->relation->spiffe)
		SSL_CTX_set_cert_verify_callback(c, judge_peer, j);
	else if (!rc)
		rc = trust_web(c, j->relation, error);
	if (rc) {
		SSL_CTX_free(c);
		return NULL;
	}
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	return c;
}

static int send_request(struct stream *s, const struct relation *r)
{
	const char *open = strchr(r->host, ':') ? "[" : "", *close = *open ? "]" : "";
	char request[RELATION_TARGET_MAX + RELATION_HOST_MAX + 256];
	int n = snprintf(request, sizeof(request),
			 "GET %s HTTP/1.0\r\n"
			 "Host: %s%s%s:%u\r\n"
			 "Accept: application/json\r\n"
			 "User-Agent: cloister-issuer/" CLOISTER_VERSION "\r\n"
			 "Connection: close\r\n"
			 "\r\n",
			 r->target, open, r->host, close, r->port);

	return stream_write(s, request, (size_t)n);
}

// All that is missing of the body, of which there are `have` bytes.
static int read_body(struct stream *s, const struct http_response *h, char *body, size_t have,
		     size_t max, char error[CL_ERROR_SIZE])
{
	for (;;) {
		char more;
		if (have > max || (h->has_length && (h->length > max || have > h->length)))
			return clv_error(error, -EFBIG,
					 "the bundle is longer than the answer said, or than %zu "
					 "bytes, the most that zones can be given of it",
					 max);
		if (h->has_length && have == h->length)
			return (int)have;
		ssize_t n = have < max ? stream_read(s, body + have, max - have)
				       : stream_read(s, &more, 1);
		if (n < 0)
			return clv_error(error, (int)n, "the answer is cut off");
		if (n == 0)
			return h->has_length ? clv_error(error, -EPROTO, "the answer is cut off")
					     : (int)have;
		have += (size_t)n;
	}
}

static int read_answer(struct stream *s, char *body, size_t max, char error[CL_ERROR_SIZE])
{
	char head[HTTP_HEAD_MAX];
	size_t have = 0, size = 0;
	struct http_response h;
	const char *why = "";

	while (!size) {
		ssize_t n = have < sizeof(head) ? stream_read(s, head + have, sizeof(head) - have)
						: -EMSGSIZE;
		if (n <= 0)
			return clv_error(error, n ? (int)n : -EPROTO, "there is no answer: %s",
					 n ? strerror((int)-n) : "the peer has hung up");
		have += (size_t)n;
		size = http_head_end(head, have);
	}
	if (http_response_read(&h, head, size, &why))
		return clv_error(error, -EPROTO, "%s", why);
	if (h.status >= 300 && h.status < 400)
		return clv_error(error, -EPROTO,
				 "it is a redirect (%u); give the URL that it leads to", h.status);
	if (h.status != 200)
		return clv_error(error, -EPROTO, "the answer has status %u", h.status);
	have -= size;
	if (have > max)
		return clv_error(error, -EFBIG, "the bundle is longer than %zu bytes", max);
	memcpy(body, head + size, have);
	return read_body(s, &h, body, have, max, error);
}

int fetch_bundle(const struct relation *r, const struct spiffe_bundles *known, char *body,
		 size_t max, char error[CL_ERROR_SIZE])
{
	struct judge judge = {.relation = r, .known = known};
	struct clv_socket socket;
	struct stream s;
	SSL_CTX *context = make_context(&judge, error);

	if (!context)
		return -EINVAL;
	int rc = clv_connect(&socket, r->host, r->port, FETCH_MS, error)
			 ?: stream_open(&s, context, socket, r->numeric ? NULL : r->host, error);
	SSL_CTX_free(context);
	if (rc)
		return judge.why ? clv_error(error, -EACCES, "TLS: %s", judge.why) : rc;
	rc = send_request(&s, r);
	rc = rc ? clv_error(error, rc, "cannot ask: %s", strerror(-rc))
		: read_answer(&s, body, max, error);
	stream_close(&s);
	return rc;
}
