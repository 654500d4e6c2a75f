// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for CBOR: the Core's encoder is told by the input what to write, into a buffer
 * of any size; the verifier's reader must read the same back, and libcbor as well. And the reader
 * alone, on any bytes.
 */
#include <cbor.h>

#include "cbor_in.h"
#include "evidence/cbor.h"
#include "fuzz.h"

#define ITEMS_MAX 64u

static struct item {
	enum clv_major major;
	uint64_t argument;
	const uint8_t *data;
} items[ITEMS_MAX];

static void put(struct cbor_out *o, const struct item *it, char *text)
{
	switch (it->major) {
	case CLV_UINT:
		cbor_put_uint(o, it->argument);
		break;
	case CLV_NINT:
		cbor_put_int(o, -1 - (int64_t)it->argument);
		break;
	case CLV_BYTES:
		cbor_put_bytes(o, it->data, it->argument);
		break;
	case CLV_TEXT:
		if (it->argument)
			memcpy(text, it->data, it->argument);
		text[it->argument] = '\0';
		cbor_put_text(o, text);
		break;
	case CLV_ARRAY:
		cbor_put_array(o, it->argument);
		break;
	case CLV_MAP:
		cbor_put_map(o, it->argument);
		break;
	case CLV_TAG:
		cbor_put_tag(o, it->argument);
		break;
	}
}

static void read_back(const struct cbor_out *o, unsigned nr)
{
	struct clv_cbor in = {.at = o->buf, .end = o->buf + o->len};

	for (unsigned i = 0; i < nr; i++) {
		const struct item *it = &items[i];
		const uint8_t *data, *start = in.at;
		uint64_t argument;
		int64_t value;
		size_t size;

		if (it->major == CLV_UINT || it->major == CLV_NINT) {
			if (it->argument <= INT64_MAX) {
				require(!clv_cbor_take_int(&in, &value));
				require(value == (it->major == CLV_UINT
							  ? (int64_t)it->argument
							  : -1 - (int64_t)it->argument));
				in.at = start;
			}
			/* An alone integer is an item of its own to libcbor, too. */
			struct cbor_load_result result;
			cbor_item_t *item = cbor_load(in.at, (size_t)(in.end - in.at), &result);

			require(item && cbor_is_int(item) && cbor_get_int(item) == it->argument);
			cbor_decref(&item);
		}
		if (it->major == CLV_BYTES || it->major == CLV_TEXT) {
			require(!clv_cbor_take_string(&in, it->major, &data, &size));
			require(size == it->argument);
			require(!size || !memcmp(data, it->data, size));
		} else {
			require(!clv_cbor_take(&in, it->major, &argument));
			require(argument == it->argument);
		}
	}
	require(!clv_cbor_take_end(&in));
}

static void encode(struct input *in)
{
	size_t cap = take(in, 2) % 2048, room = in->left;
	uint8_t *buf = malloc(cap + 1);
	char *text = malloc(room + 1);
	unsigned nr = 0;
	struct cbor_out o;

	require(buf && text);
	cbor_begin(&o, buf, cap);
	memset(buf, 0xa5, cap + 1);
	while (in->left && nr < ITEMS_MAX) {
		uint64_t head = take(in, 1), argument = take(in, (size_t)1 << (head >> 3 & 3));
		struct item *it = &items[nr++];

		*it = (struct item){(enum clv_major)(head % 7), argument, in->at};
		if (it->major == CLV_NINT)
			it->argument &= INT64_MAX;
		if (it->major == CLV_BYTES || it->major == CLV_TEXT) {
			it->argument %= in->left + 1;
			const void *nul = memchr(in->at, 0, it->argument);

			if (it->major == CLV_TEXT && nul)
				it->argument = (size_t)((const uint8_t *)nul - in->at);
			in->at += it->argument;
			in->left -= it->argument;
		}
		put(&o, it, text);
		require(o.len <= cap && buf[cap] == 0xa5);
	}
	if (!o.full)
		read_back(&o, nr);
	free(buf);
	free(text);
}

static void read_any(struct input *in)
{
	size_t n = in->left;
	uint8_t *block = exact_copy(in->at, n);
	struct clv_cbor c = {.at = block, .end = block + n};

	for (unsigned turn = 0; c.at < c.end; turn++) {
		const uint8_t *start = c.at, *data;
		uint64_t argument;
		int64_t value;
		size_t size;
		int err;

		switch (*c.at >> 5) {
		case CLV_BYTES:
		case CLV_TEXT:
			err = clv_cbor_take_string(&c, (enum clv_major)(*c.at >> 5), &data, &size);
			require(err || (data >= start && data + size == c.at));
			break;
		case CLV_UINT:
		case CLV_NINT:
			err = clv_cbor_take_int(&c, &value);
			break;
		default:
			err = clv_cbor_take(&c, (enum clv_major)(*c.at >> 5), &argument);
			break;
		}
		require(c.at <= c.end);
		if (err) {
			require(c.why && c.at == start);
			break;
		}
		require(c.at > start);
		/* What was taken is what the encoder would have written. */
		if (start[0] >> 5 == CLV_UINT || start[0] >> 5 == CLV_NINT) {
			uint8_t again[9];
			struct cbor_out o;

			cbor_begin(&o, again, sizeof(again));
			cbor_put_int(&o, value);
			require(o.len == (size_t)(c.at - start) && !memcmp(again, start, o.len));
		}
	}
	free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};

	if (take(&in, 1) & 1)
		encode(&in);
	else
		read_any(&in);
	return 0;
}
