/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of a bounded size that is given back all at once, wiped: a message while it is parsed or
 * made. */
#ifndef AGENT_ARENA_H
#define AGENT_ARENA_H

#include <stddef.h>
#include <protobuf-c/protobuf-c.h>

struct arena {
	size_t left; /* bytes it may still hand out, with what they cost */
	struct arena_block *blocks;
};

/* Zeroed, aligned for anything. NULL: there is no more. */
void *arena_take(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size);
char *arena_text(struct arena *arena, const char *text);
void arena_empty(struct arena *arena);

/* For protobuf-c's parser; it frees nothing of its own. */
ProtobufCAllocator arena_allocator(struct arena *arena);

#endif
