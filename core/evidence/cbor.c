// SPDX-License-Identifier: Apache-2.0
// Encode CBOR into a buffer of fixed size.
#include "evidence/cbor.h"

#include "lib/string.h"

/* RFC 8949, section 3.1. */
enum major {
	MAJOR_UINT = 0,
	MAJOR_NINT = 1,
	MAJOR_BYTES = 2,
	MAJOR_TEXT = 3,
	MAJOR_ARRAY = 4,
	MAJOR_MAP = 5,
	MAJOR_TAG = 6,
};

void cbor_begin(struct cbor_out *o, uint8_t *buf, size_t cap)
{
	o->buf = buf;
	o->cap = cap;
	o->len = 0;
	o->full = false;
}

static void put(struct cbor_out *o, const void *data, size_t size)
{
	if (o->full || size > o->cap - o->len) {
		o->full = true;
		return;
	}
	memcpy(o->buf + o->len, data, size);
	o->len += size;
}

/* The initial byte and the argument in as few bytes as it needs. */
static void put_head(struct cbor_out *o, enum major major, uint64_t argument)
{
	uint8_t head[9];
	unsigned int bytes = 0;

	if (argument < 24) {
		head[0] = (uint8_t)argument;
	} else {
		unsigned int log = 0;

		while (log < 3 && argument >> (8u << log))
			log++;
		bytes = 1u << log;
		head[0] = (uint8_t)(24 + log);
	}
	head[0] |= (uint8_t)(major << 5);
	for (unsigned int i = 0; i < bytes; i++)
		head[1 + i] = (uint8_t)(argument >> (8 * (bytes - 1 - i)));
	put(o, head, 1 + bytes);
}

void cbor_put_uint(struct cbor_out *o, uint64_t value)
{
	put_head(o, MAJOR_UINT, value);
}

void cbor_put_int(struct cbor_out *o, int64_t value)
{
	if (value < 0)
		put_head(o, MAJOR_NINT, ~(uint64_t)value);
	else
		put_head(o, MAJOR_UINT, (uint64_t)value);
}

void cbor_put_bytes(struct cbor_out *o, const uint8_t *data, size_t size)
{
	put_head(o, MAJOR_BYTES, size);
	put(o, data, size);
}

void cbor_put_text(struct cbor_out *o, const char *text)
{
	size_t size = strlen(text);

	put_head(o, MAJOR_TEXT, size);
	put(o, text, size);
}

void cbor_put_array(struct cbor_out *o, size_t count)
{
	put_head(o, MAJOR_ARRAY, count);
}

void cbor_put_map(struct cbor_out *o, size_t count)
{
	put_head(o, MAJOR_MAP, count);
}

void cbor_put_tag(struct cbor_out *o, uint64_t tag)
{
	put_head(o, MAJOR_TAG, tag);
}
