/* SPDX-License-Identifier: Apache-2.0 */
/* A gRPC client on nghttp2, tied to a server's session in memory. */
#ifndef TESTS_WORKLOAD_CLIENT_H
#define TESTS_WORKLOAD_CLIENT_H

#include <nghttp2/nghttp2.h>
#include "../../agent/workload_api_in.h"

#define CLIENT_CALLS 160

struct client_call {
	bool ended;
	uint32_t reset; /* the error code it ended with */
	int http, status;
	char message[256];
	uint8_t *body;
	size_t size;
	const uint8_t *request;
	size_t request_size, request_sent;
};

struct client {
	struct workload_api *api;
	struct account *account;
	struct grpc_session session;
	nghttp2_session *h2;
	struct client_call calls[CLIENT_CALLS]; /* by stream / 2 */
	bool open, deaf;			/* deaf: it does not read */
	uint32_t goaway;
};

void client_open(struct client *c, struct workload_api *api, struct accounts *all, uid_t uid,
		 uint32_t window);
void client_close(struct client *c);
/* A call of one message; `key` NULL: without the metadata. */
struct client_call *client_call(struct client *c, const char *method, const char *key,
				const void *message, size_t size);
void client_cancel(struct client *c, const struct client_call *call);
/* Back and forth until nothing is left to say. */
void client_pump(struct client *c);
/* How many messages have come whole, and the last of them. */
size_t client_messages(const struct client_call *call, const uint8_t **last, size_t *size);

#endif
