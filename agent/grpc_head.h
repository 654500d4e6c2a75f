/* SPDX-License-Identifier: Apache-2.0 */
/* A call's header fields: what of them matters, without keeping them, and whether they make a call.
 */
#ifndef AGENT_GRPC_HEAD_H
#define AGENT_GRPC_HEAD_H

#include "grpc_text.h"

#define GRPC_PATH_MAX 96u

struct grpc_head {
	size_t size; /* RFC 9113, section 10.5.1 */
	bool post, type, trailers, encoded;
	bool timed, timeout_bad;
	/* The metadata that every call must have. */
	bool key, key_bad;
	int64_t timeout_ns;
	char path[GRPC_PATH_MAX]; /* empty: none, or one that is too long for any method */
};

/* Metadata without which no call is answered. */
struct grpc_key {
	const char *name, *value;
};

struct grpc_verdict {
	unsigned int http; /* 200, or the answer is this alone */
	enum grpc_status status;
	const char *why;
};

void grpc_head_field(struct grpc_head *head, const struct grpc_key *key, const uint8_t *name,
		     size_t name_size, const uint8_t *value, size_t value_size);
/* Once all fields are there; `known`: there is a method of that path. Good: 200 and GRPC_OK. */
struct grpc_verdict grpc_head_check(const struct grpc_head *head, bool known);

#endif
