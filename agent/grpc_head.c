// SPDX-License-Identifier: Apache-2.0
#include "grpc_head.h"
#include <string.h>
#include "limits.h"

static bool is(const uint8_t *text, size_t size, const char *what)
{
	return size == strlen(what) && memcmp(text, what, size) == 0;
}

void grpc_head_field(struct grpc_head *head, const struct grpc_key *key, const uint8_t *name,
		     size_t name_size, const uint8_t *value, size_t value_size)
{
	head->size += name_size + value_size + 32;
	if (head->size > HEADER_BYTES_MAX)
		return;
	// Names are lower-case, and pseudo-fields once and first: nghttp2 sees to it.
	if (is(name, name_size, ":method")) {
		head->post = is(value, value_size, "POST");
	} else if (is(name, name_size, ":path")) {
		if (value_size < sizeof(head->path) && !memchr(value, 0, value_size))
			memcpy(head->path, value, value_size);
	} else if (is(name, name_size, "content-type")) {
		head->type = grpc_content_type(value, value_size);
	} else if (is(name, name_size, "te")) {
		head->trailers = is(value, value_size, "trailers");
	} else if (is(name, name_size, "grpc-encoding")) {
		head->encoded = !is(value, value_size, "identity");
	} else if (is(name, name_size, "grpc-timeout")) {
		head->timeout_bad |=
			head->timed || !grpc_timeout(value, value_size, &head->timeout_ns);
		head->timed = true;
	} else if (is(name, name_size, key->name)) {
		head->key = true;
		head->key_bad |= !is(value, value_size, key->value);
	}
}

struct grpc_verdict grpc_head_check(const struct grpc_head *head, bool known)
{
	if (head->size > HEADER_BYTES_MAX)
		return (struct grpc_verdict){200, GRPC_RESOURCE_EXHAUSTED,
					     "the header is too large"};
	if (!head->post)
		return (struct grpc_verdict){405, GRPC_INTERNAL, "the method of a call is POST"};
	if (!head->type)
		return (struct grpc_verdict){415, GRPC_INTERNAL,
					     "the content-type of a call is application/grpc"};
	if (!head->trailers)
		return (struct grpc_verdict){400, GRPC_INTERNAL, "a call has te: trailers"};
	if (!known)
		return (struct grpc_verdict){200, GRPC_UNIMPLEMENTED, "there is no such method"};
	if (!head->key || head->key_bad)
		return (struct grpc_verdict){200, GRPC_INVALID_ARGUMENT,
					     "the metadata workload.spiffe.io: true is missing"};
	if (head->timeout_bad)
		return (struct grpc_verdict){200, GRPC_INVALID_ARGUMENT,
					     "grpc-timeout is malformed"};
	if (head->encoded)
		return (struct grpc_verdict){200, GRPC_UNIMPLEMENTED,
					     "no compression is supported but identity"};
	return (struct grpc_verdict){200, GRPC_OK, NULL};
}
