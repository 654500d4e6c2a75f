/* SPDX-License-Identifier: Apache-2.0 */
/* A call's request messages, put together from the pieces that they come in. */
#ifndef AGENT_GRPC_IN_H
#define AGENT_GRPC_IN_H

#include "grpc_text.h"

struct account;

/* At most one message and, of a client that sends several, what else fits: REQUEST_MAX in all. */
struct grpc_in {
	struct account *account;
	uint8_t *bytes;
	size_t used, room;
};

/*
 * Take what has come. GRPC_OK, or why the call fails: a message that is compressed (UNIMPLEMENTED)
 * or too large, more than the uid may have (RESOURCE_EXHAUSTED), or no message (INTERNAL).
 */
enum grpc_status grpc_in_add(struct grpc_in *in, const uint8_t *data, size_t size,
			     const char **why);
/* The first message, if it is whole, without its prefix. */
bool grpc_in_message(const struct grpc_in *in, const uint8_t **message, size_t *size);
/* Forget the first message, which is whole, and look at the next. As grpc_in_add(). */
enum grpc_status grpc_in_drop(struct grpc_in *in, const char **why);
void grpc_in_free(struct grpc_in *in);

#endif
