/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CBOR encoder (RFC 8949): the few items that a report needs, always in their shortest form, as
 * deterministic encoding asks (section 4.2.1). The caller sorts map keys.
 *
 * Writing past the end is remembered, not done: check `full` once at the end.
 */
#ifndef CORE_EVIDENCE_CBOR_H
#define CORE_EVIDENCE_CBOR_H

#include "lib/types.h"

struct cbor_out {
	uint8_t *buf;
	size_t cap;
	size_t len; /* written so far */
	bool full;  /* something did not fit; what is in buf is of no use */
};

void cbor_begin(struct cbor_out *o, uint8_t *buf, size_t cap);
void cbor_put_uint(struct cbor_out *o, uint64_t value);
void cbor_put_int(struct cbor_out *o, int64_t value);
void cbor_put_bytes(struct cbor_out *o, const uint8_t *data, size_t size);
void cbor_put_text(struct cbor_out *o, const char *text); /* NUL-terminated UTF-8 */
/* Heads only: the caller puts `count` items (for a map: pairs) after it, one after a tag. */
void cbor_put_array(struct cbor_out *o, size_t count);
void cbor_put_map(struct cbor_out *o, size_t count);
void cbor_put_tag(struct cbor_out *o, uint64_t tag);

#endif
