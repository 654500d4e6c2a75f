/* SPDX-License-Identifier: Apache-2.0 */
/* As much of HTTP/1.1 (RFC 9112) as one document needs, on both sides. */
#ifndef CLOISTER_ISSUER_HTTP_HEAD_H
#define CLOISTER_ISSUER_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_HEAD_MAX	 8192u
#define HTTP_BUNDLE_PATH "/bundle.json"

/* The size of a head with the empty line that ends it; 0: it is not all there. */
size_t http_head_end(const char *data, size_t size);

/*
 * The status code for a request with this head: 200 for a GET of the bundle's path, whatever query
 * follows it; 404, 405 or 400.
 */
unsigned int http_request_status(const char *head, size_t size);

struct http_response {
	unsigned int status;
	bool has_length;
	size_t length; /* of the body; without: it goes on to the connection's end */
};

/*
 * The head of an answer to a request of HTTP/1.0. 0; or -EPROTO with a sentence in *why, also for a
 * body that is encoded somehow.
 */
int http_response_read(struct http_response *response, const char *head, size_t size,
		       const char **why);

#endif
