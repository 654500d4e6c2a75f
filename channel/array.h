/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of channels are CBOR arrays that begin with their kind. */
#ifndef CHANNEL_ARRAY_H
#define CHANNEL_ARRAY_H

#include <errno.h>
#include "../core/evidence/cbor.h"
#include "../verify/cbor_in.h"

static inline void array_begin(struct cbor_out *out, uint8_t *data, size_t max, size_t items,
			       uint64_t kind)
{
	cbor_begin(out, data, max);
	cbor_put_array(out, items);
	cbor_put_uint(out, kind);
}

/* The size, or -ENOSPC. */
static inline int array_end(const struct cbor_out *out)
{
	return out->full ? -ENOSPC : (int)out->len;
}

/* *in is then behind the kind. 0 or -1. */
static inline int array_open(struct clv_cbor *in, const uint8_t *data, size_t size, uint64_t *items,
			     uint64_t *kind)
{
	*in = (struct clv_cbor){.at = data, .end = data + size};
	return clv_cbor_take(in, CLV_ARRAY, items) || clv_cbor_take(in, CLV_UINT, kind) ? -1 : 0;
}

#endif
