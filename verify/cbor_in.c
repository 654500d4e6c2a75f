// SPDX-License-Identifier: Apache-2.0
// Read deterministic CBOR, one expected item at a time.
#include "cbor_in.h"

static int fail(struct clv_cbor *in, const char *why)
{
	in->why = why;
	return -1;
}

/* One head: major type and argument. *size is how many bytes it takes. */
static int head(struct clv_cbor *in, unsigned int *major, uint64_t *argument, size_t *size)
{
	size_t left = (size_t)(in->end - in->at);
	unsigned int info, bytes;
	uint64_t value = 0;

	if (left == 0)
		return fail(in, "it ends too early");
	*major = in->at[0] >> 5;
	info = in->at[0] & 0x1f;
	if (info < 24) {
		*argument = info;
		*size = 1;
		return 0;
	}
	if (info == 31)
		return fail(in, "an item has an indefinite length");
	if (info > 27)
		return fail(in, "an item's head is malformed");
	bytes = 1u << (info - 24);
	if (left - 1 < bytes)
		return fail(in, "it ends too early");
	for (unsigned int i = 0; i < bytes; i++)
		value = value << 8 | in->at[1 + i];
	/* The next shorter form holds values below 24 or below 2^(4 * bytes). */
	if (bytes == 1 ? value < 24 : value >> (4 * bytes) == 0)
		return fail(in, "an item is not in its shortest form");
	*argument = value;
	*size = 1 + bytes;
	return 0;
}

static const char *wrong_type(enum clv_major wanted)
{
	static const char *const why[] = {
		[CLV_UINT] = "an unsigned integer was expected",
		[CLV_NINT] = "a negative integer was expected",
		[CLV_BYTES] = "a byte string was expected",
		[CLV_TEXT] = "a text string was expected",
		[CLV_ARRAY] = "an array was expected",
		[CLV_MAP] = "a map was expected",
		[CLV_TAG] = "a tag was expected",
	};

	return why[wanted];
}

int clv_cbor_take(struct clv_cbor *in, enum clv_major major, uint64_t *argument)
{
	unsigned int found;
	size_t size;

	if (head(in, &found, argument, &size))
		return -1;
	if (found != major)
		return fail(in, wrong_type(major));
	in->at += size;
	return 0;
}

int clv_cbor_take_int(struct clv_cbor *in, int64_t *value)
{
	unsigned int found;
	uint64_t argument;
	size_t size;

	if (head(in, &found, &argument, &size))
		return -1;
	if (found != CLV_UINT && found != CLV_NINT)
		return fail(in, "an integer was expected");
	if (argument > INT64_MAX)
		return fail(in, "an integer is out of range");
	*value = found == CLV_UINT ? (int64_t)argument : -1 - (int64_t)argument;
	in->at += size;
	return 0;
}

int clv_cbor_take_string(struct clv_cbor *in, enum clv_major major, const uint8_t **data,
			 size_t *size)
{
	const uint8_t *start = in->at;
	uint64_t length;

	if (clv_cbor_take(in, major, &length))
		return -1;
	if (length > (size_t)(in->end - in->at)) {
		in->at = start;
		return fail(in, "a string is longer than what is left");
	}
	*data = in->at;
	*size = (size_t)length;
	in->at += length;
	return 0;
}

int clv_cbor_take_end(struct clv_cbor *in)
{
	return in->at == in->end ? 0 : fail(in, "bytes follow its end");
}
