// SPDX-License-Identifier: Apache-2.0
// EK certificate and public areas checked, credential activated: in this order, so that no secret
// is made for a key that is not a TPM's.
#include "enroll.h"
#include <errno.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include "../../verify/http.h"
#include "../../verify/socket.h"
#include "wire.h"

// Which of the two templates is it? Its first two bytes are the type of the key (TPM2_ALG_ECC).
static enum public_kind ek_kind(const struct wire_bytes *area)
{
	return area->size > 1 && area->data[1] == 0x23 ? PUBLIC_EK_ECC : PUBLIC_EK_RSA;
}

int candidate_check(struct candidate *c, enum public_kind ek, const uint8_t *data, size_t size,
		    const struct ek_roots *real, const struct ek_roots *test, time_t now,
		    char error[CL_ERROR_SIZE])
{
	struct wire_enrol message;
	const char *why;

	if (wire_take_enrol(&message, data, size, &why))
		return clv_error(error, -EINVAL, "the node's answer is malformed: %s", why);
	if (ek_kind(&message.ek_public) != ek)
		return clv_error(error, -EINVAL,
				 "endorsement key: it is of another kind than was asked for; --ek "
				 "says which");
	if (public_parse(&c->ek, ek, message.ek_public.data, message.ek_public.size, &why))
		return clv_error(error, -EINVAL, "endorsement key: %s", why);
	if (public_parse(&c->ak, PUBLIC_AK, message.ak_public.data, message.ak_public.size, &why))
		return clv_error(error, -EINVAL, "attestation key: %s", why);
	EVP_PKEY *ak = public_pkey(&c->ak);
	EVP_PKEY_free(ak);
	if (!ak)
		return clv_error(error, -EINVAL, "attestation key: it is no point of P-256");
	return ek_cert_check(message.ek_certificate.data, message.ek_certificate.size, &c->ek, real,
			     test, now, &c->checked, error);
}

int candidate_ask(struct candidate *c, enum public_kind ek, const struct address *node,
		  unsigned int timeout_ms, const struct ek_roots *real, const struct ek_roots *test,
		  time_t now, char error[CL_ERROR_SIZE])
{
	const struct clv_request request = {.service = "the node",
					    .host = node->host,
					    .port = node->port,
					    .target = ek == PUBLIC_EK_RSA ? "/enrol?ek=rsa"
									  : "/enrol?ek=ecc",
					    .type = WIRE_TYPE_CBOR,
					    .timeout_ms = timeout_ms};
	uint8_t answer[WIRE_ENROL_MAX];
	int n = clv_http(&request, answer, sizeof(answer), error);

	return n < 0 ? n : candidate_check(c, ek, answer, (size_t)n, real, test, now, error);
}

int candidate_activate(const struct candidate *c, const struct address *node,
		       unsigned int timeout_ms, char error[CL_ERROR_SIZE])
{
	uint8_t secret[SECRET_SIZE], proof[SECRET_SIZE], ask[WIRE_ACTIVATE_MAX];
	uint8_t answer[WIRE_SECRET_SIZE];
	struct clv_request request = {.service = "the node",
				      .host = node->host,
				      .port = node->port,
				      .target = "/activate",
				      .type = WIRE_TYPE_CBOR,
				      .body = ask,
				      .body_type = WIRE_TYPE_CBOR,
				      .timeout_ms = timeout_ms};
	struct credential credential;
	const char *why;
	int n = -EIO;

	if (RAND_bytes(secret, sizeof(secret)) == 1 &&
	    !make_credential(&c->ek, c->ak.name, secret, &credential))
		n = wire_put_activate(&credential, ask, sizeof(ask));
	if (n < 0) {
		OPENSSL_cleanse(secret, sizeof(secret));
		return clv_error(error, n, "OpenSSL cannot make a credential");
	}
	request.body_size = (size_t)n;
	n = clv_http(&request, answer, sizeof(answer), error);
	if (n >= 0 && wire_take_secret(proof, answer, (size_t)n, &why))
		n = clv_error(error, -EACCES, "the node's proof is malformed: %s", why);
	if (n >= 0 && CRYPTO_memcmp(proof, secret, SECRET_SIZE) != 0)
		n = clv_error(error, -EACCES,
			      "the node has not got the secret out of its credential: its TPM "
			      "holds not both keys, or the answer is an old one");
	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_cleanse(proof, sizeof(proof));
	return n < 0 ? n : 0;
}

int candidate_deliver(const struct address *node, const uint8_t *der, size_t size,
		      unsigned int timeout_ms, char error[CL_ERROR_SIZE])
{
	const struct clv_request request = {.service = "the node",
					    .host = node->host,
					    .port = node->port,
					    .target = "/ak",
					    .type = WIRE_TYPE_TEXT,
					    .body = der,
					    .body_size = size,
					    .body_type = WIRE_TYPE_CERT,
					    .timeout_ms = timeout_ms};
	uint8_t answer[512];
	int n = clv_http(&request, answer, sizeof(answer), error);

	return n < 0 ? n : 0;
}
