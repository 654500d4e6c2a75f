// SPDX-License-Identifier: Apache-2.0
// Write deterministic CBOR.
#include <string.h>

#include "cbor_out.h"

static void put(struct clv_cbor_out *out, const void *data, size_t size)
{
	if (out->full || size > out->capacity - out->size) {
		out->full = true;
		return;
	}
	if (size)
		memcpy(out->bytes + out->size, data, size);
	out->size += size;
}

void clv_cbor_put(struct clv_cbor_out *out, enum clv_major major, uint64_t argument)
{
	uint8_t head[9] = {(uint8_t)(major << 5)};
	unsigned int bytes = 0;

	if (argument < 24) {
		head[0] |= (uint8_t)argument;
	} else {
		unsigned int log = 0;

		while (log < 3 && argument >> (8u << log))
			log++;
		bytes = 1u << log;
		head[0] |= (uint8_t)(24 + log);
		for (unsigned int i = 0; i < bytes; i++)
			head[1 + i] = (uint8_t)(argument >> (8 * (bytes - 1 - i)));
	}
	put(out, head, 1 + bytes);
}

void clv_cbor_put_bytes(struct clv_cbor_out *out, const uint8_t *data, size_t size)
{
	clv_cbor_put(out, CLV_BYTES, size);
	put(out, data, size);
}

void clv_cbor_put_text(struct clv_cbor_out *out, const char *text)
{
	clv_cbor_put(out, CLV_TEXT, strlen(text));
	put(out, text, strlen(text));
}
