/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message as it goes over the wire, with gRPC's five bytes before it. Streams of one uid share
 * it; it is charged to the uid until the last has sent it, and wiped then, as it may hold private
 * keys.
 */
#ifndef AGENT_BLOB_H
#define AGENT_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <protobuf-c/protobuf-c.h>

struct account;

struct blob {
	size_t references;
	struct account *account;
	size_t size;
	uint8_t bytes[];
};

/* NULL: more than MESSAGE_MAX, more than the uid may have, or no memory. */
struct blob *blob_pack(struct account *account, const ProtobufCMessage *message);
struct blob *blob_ref(struct blob *blob);
/* NULL is none. */
void blob_unref(struct blob *blob);
bool blob_same(const struct blob *a, const struct blob *b);

#endif
