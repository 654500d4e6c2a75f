/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a Protocol Buffers message, one level deep, where generated code does not tell
 * enough. */
#ifndef AGENT_WIRE_H
#define AGENT_WIRE_H

#include <stdbool.h>
#include "arena.h"
#include "identity.h"

struct wire {
	const uint8_t *at, *end;
};

struct wire_field {
	uint32_t number;
	unsigned int type;    /* 0: varint, 1: 64 bits, 2: bytes, 5: 32 bits */
	struct bytes content; /* of bytes; else empty */
};

/* The next field. False at the end, and at what is malformed; then `at` is not `end`. */
bool wire_next(struct wire *wire, struct wire_field *field);

/*
 * A request's message, parsed into an arena. NULL: malformed, too much, or a string that is not
 * UTF-8 or has a NUL in it, which C would take for its end.
 */
ProtobufCMessage *wire_parse(const ProtobufCMessageDescriptor *type, const uint8_t *data,
			     size_t size, struct arena *arena);

#endif
