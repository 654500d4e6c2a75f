/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP/1.1 request to a peer that nobody trusts (RFC 9112), strictly: one connection, one
 * deadline, an answer of a known length and type or none.
 */
#ifndef VERIFY_HTTP_H
#define VERIFY_HTTP_H

#include <cloister/verify.h>

struct clv_request {
	const char *service; /* for people: "the report service" */
	const char *host;
	uint16_t port;
	const char *target;	 /* "/report?nonce=…" */
	const char *type;	 /* of the answer: "application/cose" */
	const uint8_t *body;	 /* NULL: a GET, else a POST */
	size_t body_size;	 /* at most CLV_BODY_MAX */
	const char *body_type;	 /* of the body */
	unsigned int timeout_ms; /* for the whole exchange */
};

#define CLV_BODY_MAX 8192u

/*
 * The answer's body, 1 to `max` bytes: its size, or a negative errno with the sentence. -EPROTO:
 * the peer has answered, but not with that. -EINVAL also for a host that could not be one.
 */
int clv_http(const struct clv_request *r, uint8_t *out, size_t max, char error[CL_ERROR_SIZE]);

#endif
