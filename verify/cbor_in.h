/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict CBOR reader over a byte buffer: only what a report is made of, only in deterministic
 * encoding (RFC 8949, section 4.2.1: shortest heads, definite lengths).
 *
 * A general decoder would build whatever tree the sender likes before anybody looks at it. Here the
 * caller asks for the one item that may come next, so depth and memory are the caller's, and the
 * first unexpected byte ends it. (libcbor 0.8, Debian 12's, also refuses tag 18 of every
 * COSE_Sign1; the tests compare with it whatever both can read.)
 */
#ifndef VERIFY_CBOR_IN_H
#define VERIFY_CBOR_IN_H

#include <stddef.h>
#include <stdint.h>

struct clv_cbor {
	const uint8_t *at;
	const uint8_t *end;
	const char *why; /* static; set when a take fails */
};

/* RFC 8949, section 3.1. */
enum clv_major {
	CLV_UINT = 0,
	CLV_NINT = 1,
	CLV_BYTES = 2,
	CLV_TEXT = 3,
	CLV_ARRAY = 4,
	CLV_MAP = 5,
	CLV_TAG = 6,
};

/*
 * Each take moves past one item (for array, map and tag: past its head) and returns 0, or returns
 * -1 with `why` set and the position where it was.
 */
int clv_cbor_take(struct clv_cbor *in, enum clv_major major, uint64_t *argument);
/* An unsigned or negative integer that an int64_t can hold. */
int clv_cbor_take_int(struct clv_cbor *in, int64_t *value);
/* A byte or text string; data points into the buffer. Text is not checked for UTF-8 here. */
int clv_cbor_take_string(struct clv_cbor *in, enum clv_major major, const uint8_t **data,
			 size_t *size);
/* Nothing may be left. */
int clv_cbor_take_end(struct clv_cbor *in);

#endif
