/* SPDX-License-Identifier: Apache-2.0 */
/* Write deterministic CBOR (RFC 8949, section 4.2.1) into a buffer. */
#ifndef VERIFY_CBOR_OUT_H
#define VERIFY_CBOR_OUT_H

#include <stdbool.h>

#include "cbor_in.h"

struct clv_cbor_out {
	uint8_t *bytes;
	size_t capacity;
	size_t size;
	bool full; /* something did not fit, and nothing more is written */
};

/* A head: for strings their bytes have to follow. */
void clv_cbor_put(struct clv_cbor_out *out, enum clv_major major, uint64_t argument);
void clv_cbor_put_bytes(struct clv_cbor_out *out, const uint8_t *data, size_t size);
void clv_cbor_put_text(struct clv_cbor_out *out, const char *text);

#endif
