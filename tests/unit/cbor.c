// SPDX-License-Identifier: Apache-2.0
// The Core's CBOR encoder and the verifier's strict reader, each against RFC 8949 and libcbor.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cbor.h>
#include <cmocka.h>

#include "cbor_in.h"
#include "evidence/cbor.h"

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void expect(const struct cbor_out *o, const uint8_t *bytes, size_t size)
{
	assert_false(o->full);
	assert_int_equal(o->len, size);
	assert_memory_equal(o->buf, bytes, size);
}

static void integers_of_rfc8949_appendix_a(void **state)
{
	static const struct {
		int64_t value;
		const char *hex;
	} vectors[] = {
		{0, "00"},
		{1, "01"},
		{10, "0a"},
		{23, "17"},
		{24, "1818"},
		{25, "1819"},
		{100, "1864"},
		{1000, "1903e8"},
		{1000000, "1a000f4240"},
		{1000000000000, "1b000000e8d4a51000"},
		{-1, "20"},
		{-10, "29"},
		{-100, "3863"},
		{-1000, "3903e7"},
		/* and the edges of each form */
		{255, "18ff"},
		{256, "190100"},
		{65535, "19ffff"},
		{65536, "1a00010000"},
		{4294967295, "1affffffff"},
		{4294967296, "1b0000000100000000"},
		{-24, "37"},
		{-25, "3818"},
		{-256, "38ff"},
		{-257, "390100"},
		{-65536, "39ffff"},
		{-65537, "3a00010000"},
		{-70000, "3a0001116f"},
		{INT64_MAX, "1b7fffffffffffffff"},
		{INT64_MIN, "3b7fffffffffffffff"},
	};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint8_t buf[16];
		char hex[40] = "";
		struct cbor_out o;
		struct clv_cbor in;
		int64_t back;

		cbor_begin(&o, buf, sizeof(buf));
		cbor_put_int(&o, vectors[i].value);
		for (size_t j = 0; j < o.len; j++)
			snprintf(hex + 2 * j, 3, "%02x", buf[j]);
		assert_string_equal(hex, vectors[i].hex);

		in = (struct clv_cbor){.at = buf, .end = buf + o.len};
		assert_int_equal(clv_cbor_take_int(&in, &back), 0);
		assert_true(back == vectors[i].value);
		assert_int_equal(clv_cbor_take_end(&in), 0);
	}
}

static void largest_unsigned(void **state)
{
	uint8_t buf[16];
	struct cbor_out o;

	cbor_begin(&o, buf, sizeof(buf));
	cbor_put_uint(&o, UINT64_MAX);
	expect(&o, BYTES(0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
}

static void strings_arrays_maps_tags(void **state)
{
	uint8_t buf[32];
	struct cbor_out o;

	cbor_begin(&o, buf, sizeof(buf));
	cbor_put_bytes(&o, BYTES(1, 2, 3, 4));
	expect(&o, BYTES(0x44, 1, 2, 3, 4));
	cbor_begin(&o, buf, sizeof(buf));
	cbor_put_bytes(&o, buf, 0);
	expect(&o, BYTES(0x40));
	cbor_begin(&o, buf, sizeof(buf));
	cbor_put_text(&o, "");
	cbor_put_text(&o, "IETF");
	expect(&o, BYTES(0x60, 0x64, 'I', 'E', 'T', 'F'));
	cbor_begin(&o, buf, sizeof(buf));
	cbor_put_array(&o, 3);
	cbor_put_uint(&o, 1);
	cbor_put_uint(&o, 2);
	cbor_put_uint(&o, 3);
	expect(&o, BYTES(0x83, 1, 2, 3));
	cbor_begin(&o, buf, sizeof(buf));
	cbor_put_map(&o, 1);
	cbor_put_uint(&o, 1);
	cbor_put_int(&o, -7);
	expect(&o, BYTES(0xa1, 1, 0x26));
	cbor_begin(&o, buf, sizeof(buf));
	cbor_put_tag(&o, 18);
	cbor_put_array(&o, 4);
	expect(&o, BYTES(0xd2, 0x84));
}

/* Whatever the size of the buffer: never a byte past it, and `full` exactly if something is lost.
 */
static void encoder_stops_at_the_end(void **state)
{
	static const uint8_t whole[] = {0x82, 0x19, 1, 0, 0x43, 7, 8, 9};

	for (size_t cap = 0; cap <= sizeof(whole); cap++) {
		uint8_t *buf = malloc(cap ? cap : 1); /* the sanitizer guards its end */
		struct cbor_out o;

		cbor_begin(&o, buf, cap);
		cbor_put_array(&o, 2);
		cbor_put_uint(&o, 256);
		cbor_put_bytes(&o, whole + 5, 3);
		assert_int_equal(o.full, cap < sizeof(whole));
		assert_true(o.len <= cap);
		free(buf);
	}
}

static void nothing_fits_after_full(void **state)
{
	uint8_t buf[2];
	struct cbor_out o;

	cbor_begin(&o, buf, sizeof(buf));
	cbor_put_uint(&o, 1000);
	cbor_put_uint(&o, 1);
	assert_true(o.full);
	assert_int_equal(o.len, 0);
}

/*
 * libcbor reads what the encoder wrote and writes the same bytes again. Without a tag: libcbor 0.8
 * takes tags 6 to 20 for malformed.
 */
static void libcbor_agrees(void **state)
{
	uint8_t buf[512], again[512];
	struct cbor_load_result result;
	struct cbor_out o;
	cbor_item_t *item;

	cbor_begin(&o, buf, sizeof(buf));
	cbor_put_array(&o, 64);
	for (unsigned int bit = 0; bit < 64; bit++)
		cbor_put_int(&o,
			     bit % 2 ? (int64_t)(1ull << bit >> 1) : -(int64_t)(1ull << bit >> 1));
	assert_false(o.full);

	item = cbor_load(buf, o.len, &result);
	assert_non_null(item);
	assert_int_equal(result.read, o.len);
	assert_int_equal(cbor_serialize(item, again, sizeof(again)), o.len);
	assert_memory_equal(again, buf, o.len);
	cbor_decref(&item);
}

static void refuse_head(const uint8_t *bytes, size_t size, const char *why)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct clv_cbor in = {.at = copy, .end = copy + size};
	uint64_t argument;

	for (size_t i = 0; i < size; i++)
		copy[i] = bytes[i];
	assert_int_equal(clv_cbor_take(&in, CLV_UINT, &argument), -1);
	assert_string_equal(in.why, why);
	assert_ptr_equal(in.at, copy);
	free(copy);
}

static void reader_refuses_long_forms(void **state)
{
	static const char why[] = "an item is not in its shortest form";

	refuse_head(BYTES(0x18, 0), why);
	refuse_head(BYTES(0x18, 23), why);
	refuse_head(BYTES(0x19, 0, 255), why);
	refuse_head(BYTES(0x1a, 0, 0, 255, 255), why);
	refuse_head(BYTES(0x1b, 0, 0, 0, 0, 255, 255, 255, 255), why);
}

static void reader_refuses_malformed_heads(void **state)
{
	for (uint8_t major = 0; major < 8; major++) {
		for (uint8_t info = 28; info < 31; info++)
			refuse_head(BYTES((uint8_t)(major << 5 | info), 0, 0, 0, 0, 0, 0, 0, 0),
				    "an item's head is malformed");
		refuse_head(BYTES((uint8_t)(major << 5 | 31), 0),
			    "an item has an indefinite length");
	}
	refuse_head(NULL, 0, "it ends too early");
	refuse_head(BYTES(0x18), "it ends too early");
	refuse_head(BYTES(0x19, 1), "it ends too early");
	refuse_head(BYTES(0x1a, 1, 1, 1), "it ends too early");
	refuse_head(BYTES(0x1b, 1, 1, 1, 1, 1, 1, 1), "it ends too early");
}

static void reader_refuses_other_types(void **state)
{
	static const uint8_t of_type[] = {0x00, 0x20, 0x40, 0x60, 0x80, 0xa0, 0xc0, 0xf4};

	for (unsigned int have = 0; have < 8; have++) {
		for (unsigned int want = CLV_UINT; want <= CLV_TAG; want++) {
			struct clv_cbor in = {.at = &of_type[have], .end = &of_type[have] + 1};
			uint64_t argument;

			assert_int_equal(clv_cbor_take(&in, want, &argument),
					 have == want ? 0 : -1);
		}
	}
}

static void refuse_string(const uint8_t *bytes, size_t size)
{
	struct clv_cbor in = {.at = bytes, .end = bytes + size};
	const uint8_t *data;
	size_t length;

	assert_int_equal(clv_cbor_take_string(&in, CLV_BYTES, &data, &length), -1);
	assert_string_equal(in.why, "a string is longer than what is left");
	assert_ptr_equal(in.at, bytes);
}

static void reader_refuses_long_strings(void **state)
{
	refuse_string(BYTES(0x41));
	refuse_string(BYTES(0x44, 1, 2, 3));
	refuse_string(BYTES(0x58, 0xff, 1));
	refuse_string(BYTES(0x5a, 0xff, 0xff, 0xff, 0xff, 1));
	refuse_string(BYTES(0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1));
	refuse_string(BYTES(0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1));
}

static void reader_refuses_wide_integers(void **state)
{
	static const uint8_t positive[] = {0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0};
	static const uint8_t negative[] = {0x3b, 0x80, 0, 0, 0, 0, 0, 0, 0};
	struct clv_cbor in = {.at = positive, .end = positive + sizeof(positive)};
	int64_t value;

	assert_int_equal(clv_cbor_take_int(&in, &value), -1);
	in = (struct clv_cbor){.at = negative, .end = negative + sizeof(negative)};
	assert_int_equal(clv_cbor_take_int(&in, &value), -1);
	assert_string_equal(in.why, "an integer is out of range");
}

/* Every 1-, 2- and 3-byte input: where the reader takes an integer, libcbor has the same value. */
static void reader_never_accepts_more_than_libcbor(void **state)
{
	unsigned int accepted = 0;

	for (uint32_t n = 0; n < 1u << 16; n++) {
		uint8_t bytes[3] = {(uint8_t)(n >> 8), (uint8_t)n, 0x55};
		struct clv_cbor in = {.at = bytes, .end = bytes + sizeof(bytes)};
		struct cbor_load_result result;
		cbor_item_t *item;
		uint64_t value;

		if (clv_cbor_take(&in, CLV_UINT, &value))
			continue;
		accepted++;
		item = cbor_load(bytes, sizeof(bytes), &result);
		assert_non_null(item);
		assert_int_equal(result.read, (size_t)(in.at - bytes));
		assert_true(cbor_get_int(item) == value);
		cbor_decref(&item);
	}
	/* 24 one-byte values × 256 followers; 232 of 24 … 255; 255 high bytes × 0x55; no more. */
	assert_int_equal(accepted, 24 * 256 + 232 + 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_of_rfc8949_appendix_a),
		cmocka_unit_test(largest_unsigned),
		cmocka_unit_test(strings_arrays_maps_tags),
		cmocka_unit_test(encoder_stops_at_the_end),
		cmocka_unit_test(nothing_fits_after_full),
		cmocka_unit_test(libcbor_agrees),
		cmocka_unit_test(reader_refuses_long_forms),
		cmocka_unit_test(reader_refuses_malformed_heads),
		cmocka_unit_test(reader_refuses_other_types),
		cmocka_unit_test(reader_refuses_long_strings),
		cmocka_unit_test(reader_refuses_wide_integers),
		cmocka_unit_test(reader_never_accepts_more_than_libcbor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
