// SPDX-License-Identifier: Apache-2.0
/*
 * The searcher against the plainest search there is, and against OpenSSL's key schedules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <openssl/aes.h>
#include <wmmintrin.h>
#include "canary.h"
#include "classes.h"
#include "schedule.h"
#include "tally.h"

#define FRAME 4096u

/* A small deterministic generator: a failing case can be run again. */
static uint64_t state;
static uint64_t rnd(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static void fill(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)rnd();
}

/* The oracle: every pair of positions, by definition. */
struct oracle {
	uint64_t fragments, frames, bytes;
};

static struct oracle naive(const uint8_t *dump, size_t n, uint64_t addr, const uint8_t *canary,
			   size_t len)
{
	uint8_t *in_run = calloc(n, 1);
	struct oracle o = {0};
	uint64_t last = UINT64_MAX;

	assert_non_null(in_run);
	for (size_t p = 0; p < n; p++) {
		for (size_t q = 0; q < len; q++) {
			size_t k = 0;

			if (dump[p] != canary[q] || (p && q && dump[p - 1] == canary[q - 1]))
				continue; /* not the beginning of a run */
			while (p + k < n && q + k < len && dump[p + k] == canary[q + k])
				k++;
			if (k < CANARY_FRAGMENT)
				continue;
			o.fragments += k / CANARY_FRAGMENT;
			memset(in_run + p, 1, k);
		}
	}
	for (size_t p = 0; p < n; p++) {
		if (!in_run[p])
			continue;
		o.bytes++;
		if ((addr + p) / FRAME != last)
			o.frames++;
		last = (addr + p) / FRAME;
	}
	free(in_run);
	return o;
}

/* Feed a stretch in pieces of random or fixed size. */
static void feed_pieces(struct feed *f, const uint8_t *p, size_t n, size_t piece)
{
	while (n > 0) {
		size_t k = piece ? piece : 1 + rnd() % f->room;

		if (k > f->room)
			k = f->room;
		if (k > n)
			k = n;
		memcpy(feed_room(f), p, k);
		feed_commit(f, k);
		p += k;
		n -= k;
	}
}

struct bench {
	struct canary canary;
	struct canary_scan scan;
	struct tally tally;
	struct feed feed;
};

static void bench_start(struct bench *b, const uint8_t *canary, size_t len, size_t room)
{
	assert_int_equal(canary_init(&b->canary, canary, len, CANARY_FRAGMENT), 0);
	tally_init(&b->tally, CANARY_FRAGMENT);
	canary_scan_init(&b->scan, &b->canary, tally_run, &b->tally);
	assert_int_equal(feed_init(&b->feed, room), 0);
	assert_int_equal(feed_add(&b->feed, canary_scan, &b->scan), 0);
}

static struct counts bench_counts(struct bench *b)
{
	struct classes c;
	struct counts all;

	classes_init(&c);
	feed_end(&b->feed);
	assert_int_equal(b->tally.error, 0);
	tally_count(&b->tally, &c, &all, NULL);
	return all;
}

static void bench_stop(struct bench *b)
{
	feed_free(&b->feed);
	tally_free(&b->tally);
	canary_free(&b->canary);
}

static struct counts search_once(const uint8_t *dump, size_t n, uint64_t addr,
				 const uint8_t *canary, size_t len, size_t piece)
{
	struct bench b;
	struct counts all;

	bench_start(&b, canary, len, piece ? piece : 700);
	assert_int_equal(feed_seek(&b.feed, addr), 0);
	feed_pieces(&b.feed, dump, n, piece);
	all = bench_counts(&b);
	bench_stop(&b);
	return all;
}

static void expect_equal(const struct counts *got, const struct oracle *want)
{
	assert_int_equal(got->fragments, want->fragments);
	assert_int_equal(got->frames, want->frames);
	assert_int_equal(got->bytes, want->bytes);
}

static void test_every_alignment(void **unused)
{
	uint8_t canary[97], dump[256];

	state = 1;
	fill(canary, sizeof(canary));
	/* Any 32 bytes of the canary, at any offset of memory. */
	for (size_t q = 0; q + 32 <= sizeof(canary); q++) {
		for (size_t p = 0; p + 32 <= 100; p++) {
			struct counts got;

			memset(dump, 0, sizeof(dump));
			memcpy(dump + p, canary + q, 32);
			got = search_once(dump, sizeof(dump), 0, canary, sizeof(canary), 300);
			assert_int_equal(got.fragments, 1);
			/* The zero next to it may go on by chance; that is a run all the same. */
			assert_in_range(got.bytes, 32, 34);
		}
	}
}

static void test_near_miss(void **unused)
{
	uint8_t canary[97], dump[256];

	state = 2;
	fill(canary, sizeof(canary));
	for (size_t q = 0; q + 31 <= sizeof(canary); q++) {
		for (size_t p = 1; p + 31 <= 100; p++) {
			struct counts got;

			memset(dump, 0, sizeof(dump));
			memcpy(dump + p, canary + q, 31);
			/* What stands on both sides must not prolong it. */
			if (q > 0)
				dump[p - 1] = canary[q - 1] ^ 0x80;
			if (q + 31 < sizeof(canary))
				dump[p + 31] = canary[q + 31] ^ 1;
			got = search_once(dump, sizeof(dump), 0, canary, sizeof(canary), 300);
			assert_int_equal(got.fragments, 0);
			assert_int_equal(got.frames, 0);
		}
	}
}

/* Put random pieces of the canary at random places, many of them side by side. */
static void plant(uint8_t *dump, size_t n, const uint8_t *canary, size_t len)
{
	size_t p = 0;

	fill(dump, n);
	for (;;) {
		size_t k = 1 + rnd() % (rnd() % 4 ? 50 : len), q;

		p += rnd() % 3 ? rnd() % 4 : rnd() % 700;
		if (k > len)
			k = len;
		q = rnd() % (len - k + 1);
		if (p + k > n)
			return;
		memcpy(dump + p, canary + q, k);
		p += k;
	}
}

static void test_against_naive(void **unused)
{
	static uint8_t dump[3 * FRAME + 77];
	uint8_t canary[300];

	for (unsigned int round = 0; round < 60; round++) {
		size_t len = 32 + rnd() % (sizeof(canary) - 31);
		size_t n = sizeof(dump) - rnd() % 900;
		uint64_t addr = rnd() % (1u << 20);
		struct oracle want;
		struct counts got;

		state = 1000 + round;
		fill(canary, len);
		plant(dump, n, canary, len);
		want = naive(dump, n, addr, canary, len);
		got = search_once(dump, n, addr, canary, len, sizeof(dump));
		expect_equal(&got, &want);
		got = search_once(dump, n, addr, canary, len, 0);
		expect_equal(&got, &want);
		got = search_once(dump, n, addr, canary, len, 1 + rnd() % 40);
		expect_equal(&got, &want);
	}
}

static void test_byte_by_byte(void **unused)
{
	static uint8_t dump[2 * FRAME];
	uint8_t canary[200];
	struct oracle want;
	struct counts got;

	state = 5;
	fill(canary, sizeof(canary));
	plant(dump, sizeof(dump), canary, sizeof(canary));
	want = naive(dump, sizeof(dump), 3, canary, sizeof(canary));
	assert_in_range(want.fragments, 10, 1000);
	got = search_once(dump, sizeof(dump), 3, canary, sizeof(canary), 1);
	expect_equal(&got, &want);
}

static void test_frame_border(void **unused)
{
	uint8_t *dump = calloc(4, FRAME), canary[64];
	struct counts got;

	assert_non_null(dump);
	state = 6;
	fill(canary, sizeof(canary));
	canary[63] |= 1;
	memcpy(dump + FRAME - 1, canary, 32); /* 1 byte in the first frame, 31 in the second */
	memcpy(dump + 3 * FRAME - 32, canary + 32, 32); /* whole in the third */
	got = search_once(dump, (size_t)4 * FRAME, 0, canary, sizeof(canary), 0);
	assert_int_equal(got.fragments, 2);
	assert_int_equal(got.frames, 3);
	assert_int_equal(got.bytes, 64);
	free(dump);
}

/* Two runs may share 7 bytes; both count, the bytes once. */
static void test_runs_that_overlap(void **unused)
{
	uint8_t canary[97], dump[256];

	state = 16;
	fill(canary, sizeof(canary));
	memcpy(canary + 40, canary, 7);
	canary[47] = canary[7] ^ 1;
	for (size_t p = 0; p < 100; p++) {
		struct counts got;

		fill(dump, sizeof(dump));
		memcpy(dump + p, canary + 15, 32);
		memcpy(dump + p + 25, canary, 32);
		dump[p + 57] = canary[32] ^ 1;
		if (p > 0)
			dump[p - 1] = canary[14] ^ 1;
		got = search_once(dump, sizeof(dump), 0, canary, sizeof(canary), 0);
		assert_int_equal(got.fragments, 2);
		assert_int_equal(got.bytes, 57);
	}
}

static void test_long_run(void **unused)
{
	size_t len = 100000;
	uint8_t *canary = malloc(len), *dump = malloc(3 * len);
	struct counts got;

	assert_non_null(canary);
	assert_non_null(dump);
	state = 7;
	fill(canary, len);
	memcpy(dump, canary, len);
	memcpy(dump + len, canary, len); /* a second copy, right behind the first */
	fill(dump + 2 * len, len);
	got = search_once(dump, 3 * len, 0, canary, len, 4096);
	assert_int_equal(got.fragments, 2 * (len / 32));
	assert_int_equal(got.bytes, 2 * len);
	assert_int_equal(got.frames, (2 * len + FRAME - 1) / FRAME);
	free(canary);
	free(dump);
}

static void test_gap_joins_nothing(void **unused)
{
	uint8_t canary[64];
	struct counts got;
	struct bench b;

	state = 8;
	fill(canary, sizeof(canary));
	bench_start(&b, canary, sizeof(canary), 4096);
	feed_pieces(&b.feed, canary, 20, 0);
	assert_int_equal(feed_seek(&b.feed, 21), 0);
	feed_pieces(&b.feed, canary + 20, 31, 0); /* 51 bytes, but none 32 in a row */
	assert_int_equal(feed_seek(&b.feed, FRAME), 0);
	feed_pieces(&b.feed, canary, 33, 0);
	assert_int_equal(feed_seek(&b.feed, FRAME + 10), -EINVAL);
	got = bench_counts(&b);
	assert_int_equal(got.fragments, 1);
	assert_int_equal(got.bytes, 33);
	bench_stop(&b);
}

static void test_weak_canary_refused(void **unused)
{
	uint8_t raw[4096] = {0};
	struct canary c;

	state = 9;
	assert_int_equal(canary_init(&c, raw, sizeof(raw), CANARY_FRAGMENT), -EDOM);
	memset(raw, 'x', sizeof(raw));
	assert_int_equal(canary_init(&c, raw, 40, CANARY_FRAGMENT), -EDOM);
	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)(i / 3);
	assert_int_equal(canary_init(&c, raw, sizeof(raw), CANARY_FRAGMENT), -EDOM);
	/* All words differ, but most bytes are 0. */
	memset(raw, 0, sizeof(raw));
	for (size_t i = 0; i < sizeof(raw); i += 4)
		raw[i] = (uint8_t)rnd();
	assert_int_equal(canary_init(&c, raw, sizeof(raw), CANARY_FRAGMENT), -EDOM);
	fill(raw, sizeof(raw));
	assert_int_equal(canary_init(&c, raw, 31, CANARY_FRAGMENT), -EINVAL);
	assert_int_equal(canary_init(&c, raw, 0, CANARY_FRAGMENT), -EINVAL);
	/* One repeated word is enough. */
	memcpy(raw + 1001, raw + 2000, 8);
	assert_int_equal(canary_init(&c, raw, sizeof(raw), CANARY_FRAGMENT), -EDOM);
	raw[1003] ^= 1;
	assert_int_equal(canary_init(&c, raw, sizeof(raw), CANARY_FRAGMENT), 0);
	canary_free(&c);
}

static void test_shares(void **unused)
{
	char path[] = "/tmp/cl-search-unit-XXXXXX";
	uint8_t raw[1000], file[16 + 2 * sizeof(raw)];
	struct canary c, d;
	struct counts got;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	state = 10;
	fill(raw, sizeof(raw));
	assert_int_equal(canary_init(&c, raw, sizeof(raw), CANARY_FRAGMENT), 0);
	assert_int_equal(canary_save(&c, path), 0);
	assert_int_equal(read(fd, file, sizeof(file)), sizeof(file));
	/* Neither the file nor either share shows a fragment. */
	got = search_once(file, sizeof(file), 0, raw, sizeof(raw), 0);
	assert_int_equal(got.fragments, 0);
	assert_int_equal(canary_load(&d, path, CANARY_FRAGMENT), 0);
	assert_int_equal(d.len, sizeof(raw));
	for (size_t i = 0; i < sizeof(raw); i++)
		assert_int_equal(d.a[i] ^ d.b[i], raw[i]);
	canary_free(&d);
	/* A file cut short is not taken for shares of something else. */
	assert_int_equal(ftruncate(fd, sizeof(file) - 2), 0);
	assert_int_equal(canary_load(&d, path, CANARY_FRAGMENT), -EINVAL);
	canary_free(&c);
	close(fd);
	unlink(path);
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void test_classes(void **unused)
{
	static const char *const bad[] = {
		"open",		"open ",     "open x",	"open 1-",    "open 2-1",
		"o;pen 1",	"open 1 2",  "open -1", "open 1-2-3", "open 99999999999999999999",
		"a 1-5\nb 5-6", "a 7\nb 1-9"};
	char path[] = "/tmp/cl-search-unit-XXXXXX";
	int fd = mkstemp(path);
	struct classes c;
	unsigned int line;

	assert_true(fd >= 0);
	close(fd);
	write_text(path, "# frames\n\ncore 0x10-0x1f\nopen 5\nopen 7-9\nopen 8-12\nopen 4\n");
	assert_int_equal(classes_load(&c, path, &line), 0);
	assert_int_equal(c.nr, 3);
	for (uint64_t i = 0; i < 40; i++) {
		const char *want = i >= 16 && i < 32 ? "core" : "other";

		if (i == 4 || i == 5 || (i >= 7 && i <= 12))
			want = "open";
		assert_string_equal(c.name[classes_of(&c, i)], want);
	}
	classes_free(&c);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_text(path, bad[i]);
		assert_int_equal(classes_load(&c, path, &line), -EINVAL);
	}
	unlink(path);
}

static void test_counts_by_class(void **unused)
{
	char path[] = "/tmp/cl-search-unit-XXXXXX";
	uint8_t *dump = calloc(4, FRAME), canary[128];
	struct counts all, by[CLASS_MAX];
	int fd = mkstemp(path);
	struct classes c;
	unsigned int line;
	struct bench b;

	assert_true(fd >= 0);
	assert_non_null(dump);
	close(fd);
	state = 12;
	fill(canary, sizeof(canary));
	canary[127] |= 1;
	write_text(path, "open 1\n");
	assert_int_equal(classes_load(&c, path, &line), 0);
	/* 4 fragments: one before frame 1, one straddling, two inside. */
	memcpy(dump + FRAME - 40, canary, 128);
	bench_start(&b, canary, sizeof(canary), 1000);
	feed_pieces(&b.feed, dump, (size_t)4 * FRAME, 0);
	feed_end(&b.feed);
	tally_count(&b.tally, &c, &all, by);
	assert_int_equal(all.fragments, 4);
	assert_int_equal(all.frames, 2);
	assert_int_equal(by[1].fragments, 3);
	assert_int_equal(by[1].frames, 1);
	assert_int_equal(by[1].bytes, 88);
	assert_int_equal(by[CLASS_OTHER].fragments, 2);
	assert_int_equal(by[CLASS_OTHER].bytes, 40);
	bench_stop(&b);
	classes_free(&c);
	unlink(path);
	free(dump);
}

/* FIPS 197, appendix A.1 and A.3: last round keys. */
static void test_expand_fips197(void **unused)
{
	static const uint8_t k128[16] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
					 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};
	static const uint8_t l128[16] = {0xd0, 0x14, 0xf9, 0xa8, 0xc9, 0xee, 0x25, 0x89,
					 0xe1, 0x3f, 0x0c, 0xc8, 0xb6, 0x63, 0x0c, 0xa6};
	static const uint8_t k256[32] = {0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe,
					 0x2b, 0x73, 0xae, 0xf0, 0x85, 0x7d, 0x77, 0x81,
					 0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7,
					 0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4};
	static const uint8_t l256[16] = {0xfe, 0x48, 0x90, 0xd1, 0xe6, 0x18, 0x8d, 0x0b,
					 0x04, 0x6d, 0xf3, 0x44, 0x70, 0x6c, 0x63, 0x1e};
	uint8_t out[AES_SCHEDULE_MAX];

	assert_int_equal(aes_expand(k128, 4, out), 176);
	assert_memory_equal(out + 160, l128, 16);
	assert_int_equal(aes_expand(k256, 8, out), 240);
	assert_memory_equal(out + 224, l256, 16);
}

/*
 * AES-128 key expansion as AES-NI code does it (Intel, "AES New Instructions", 2010, figure 24).
 * The instruction does the S-box in hardware: an oracle of its own.
 */
__attribute__((target("aes"))) static void expand_aesni(const uint8_t key[16], uint8_t out[176])
{
	__m128i k = _mm_loadu_si128((const __m128i *)key), t;

	_mm_storeu_si128((__m128i *)out, k);
#define ROUND(i, rcon)                                                                             \
	t = _mm_shuffle_epi32(_mm_aeskeygenassist_si128(k, rcon), 0xff);                           \
	k = _mm_xor_si128(k, _mm_slli_si128(k, 4));                                                \
	k = _mm_xor_si128(k, _mm_slli_si128(k, 8));                                                \
	k = _mm_xor_si128(k, t);                                                                   \
	_mm_storeu_si128((__m128i *)(out + 16 * (i)), k)
	ROUND(1, 0x01);
	ROUND(2, 0x02);
	ROUND(3, 0x04);
	ROUND(4, 0x08);
	ROUND(5, 0x10);
	ROUND(6, 0x20);
	ROUND(7, 0x40);
	ROUND(8, 0x80);
	ROUND(9, 0x1b);
	ROUND(10, 0x36);
#undef ROUND
}

static void test_expand_aesni(void **unused)
{
	uint8_t key[16], want[176], out[AES_SCHEDULE_MAX];

	if (!__builtin_cpu_supports("aes"))
		skip();
	state = 13;
	for (int i = 0; i < 200; i++) {
		fill(key, sizeof(key));
		expand_aesni(key, want);
		assert_int_equal(aes_expand(key, 4, out), sizeof(want));
		assert_memory_equal(out, want, sizeof(want));
	}
}

static void swap_words(uint8_t *p, size_t n)
{
	for (; n; n -= 4, p += 4) {
		uint8_t a = p[0], b = p[1];

		p[0] = p[3];
		p[1] = p[2];
		p[2] = b;
		p[3] = a;
	}
}

/* OpenSSL's schedule, whichever of its implementations runs. */
static size_t openssl_schedule(const uint8_t *key, int bits, uint8_t out[AES_SCHEDULE_MAX])
{
	size_t n = bits == 128 ? 176 : 240;
	AES_KEY k;

	assert_int_equal(AES_set_encrypt_key(key, bits, &k), 0);
	memcpy(out, k.rd_key, n);
	/* Its C code keeps words in host order; put the key's bytes first, as it came. */
	if (memcmp(out, key, 4) != 0)
		swap_words(out, n);
	assert_memory_equal(out, key, (size_t)bits / 8);
	return n;
}

static void find_schedules(const uint8_t *dump, size_t n, size_t room, struct schedule_scan *s)
{
	struct feed f;

	schedule_scan_init(s);
	assert_int_equal(feed_init(&f, room), 0);
	assert_int_equal(feed_add(&f, schedule_scan, s), 0);
	feed_pieces(&f, dump, n, 0);
	feed_end(&f);
	feed_free(&f);
	assert_int_equal(s->error, 0);
}

static void test_schedules(void **unused)
{
	static uint8_t dump[6000];
	uint8_t key[32], flat[AES_SCHEDULE_MAX];

	for (unsigned int round = 0; round < 400; round++) {
		int bits = round & 1 ? 256 : 128;
		unsigned int copies = 1u << (round / 2 % 3);
		bool swapped = round / 6 % 2;
		struct schedule_scan s;
		size_t n, at;

		state = 2000 + round;
		if (round % 5 == 0)
			memset(dump, (int)(rnd() % 2) * 0xff, sizeof(dump));
		else
			fill(dump, sizeof(dump));
		fill(key, sizeof(key));
		if (round % 7 == 0)
			memset(key, 0, sizeof(key)); /* a legal key */
		n = openssl_schedule(key, bits, flat);
		/* At the very beginning and end, too. */
		at = rnd() % (sizeof(dump) - n * copies + 1);
		if (round % 9 == 0)
			at = 0;
		if (round % 9 == 1)
			at = sizeof(dump) - n * copies;
		if (swapped)
			swap_words(flat, n);
		for (size_t i = 0; i < n / 16 * copies; i++)
			memcpy(dump + at + 16 * i, flat + 16 * (i / copies), 16);
		find_schedules(dump, sizeof(dump), 1 + rnd() % 3000, &s);
		assert_int_equal(s.nr, 1);
		assert_int_equal(s.found[0].addr, at);
		assert_int_equal(s.found[0].bits, bits);
		assert_int_equal(s.found[0].copies, copies);
		assert_int_equal(s.found[0].swapped, swapped);
		assert_memory_equal(s.found[0].key, key, (size_t)bits / 8);
		schedule_scan_free(&s);
		/* One bit less and it is none. */
		dump[at + rnd() % (n * copies)] ^= (uint8_t)(1 << rnd() % 8);
		find_schedules(dump, sizeof(dump), 777, &s);
		assert_int_equal(s.nr, 0);
		schedule_scan_free(&s);
	}
}

static void test_schedules_distinct(void **unused)
{
	static uint8_t dump[4096];
	struct schedule_scan s;
	uint8_t key[32];

	state = 14;
	fill(dump, sizeof(dump));
	fill(key, sizeof(key));
	aes_expand(key, 8, dump + 100);
	aes_expand(key, 8, dump + 1000);
	aes_expand(key, 4, dump + 2000);
	find_schedules(dump, sizeof(dump), 4096, &s);
	assert_int_equal(s.nr, 3);
	assert_int_equal(schedule_distinct(&s), 2);
	schedule_scan_free(&s);
}

static void test_raw_key(void **unused)
{
	uint8_t key[32], dump[500];
	struct canary c;
	struct canary_scan scan;
	struct tally t;
	struct feed f;

	state = 15;
	fill(key, sizeof(key));
	assert_int_equal(canary_init(&c, key, sizeof(key), KEY_FRAGMENT), 0);
	for (size_t p = 0; p < 60; p++) {
		memset(dump, 0x55, sizeof(dump));
		memcpy(dump + p, key, 32);
		memcpy(dump + 200 + p, key + 9, 16);
		memcpy(dump + 300 + p, key + 5, 15);
		dump[299 + p] = key[4] ^ 1;
		dump[315 + p] = key[20] ^ 1;
		tally_init(&t, KEY_FRAGMENT);
		canary_scan_init(&scan, &c, tally_run, &t);
		assert_int_equal(feed_init(&f, 64), 0);
		assert_int_equal(feed_add(&f, canary_scan, &scan), 0);
		feed_pieces(&f, dump, sizeof(dump), 0);
		feed_end(&f);
		assert_int_equal(t.nr, 2);
		assert_int_equal(t.run[0].addr, p);
		assert_int_equal(t.run[0].len, 32);
		feed_free(&f);
		tally_free(&t);
	}
	canary_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_alignment),
		cmocka_unit_test(test_near_miss),
		cmocka_unit_test(test_against_naive),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_frame_border),
		cmocka_unit_test(test_runs_that_overlap),
		cmocka_unit_test(test_long_run),
		cmocka_unit_test(test_gap_joins_nothing),
		cmocka_unit_test(test_weak_canary_refused),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_counts_by_class),
		cmocka_unit_test(test_expand_fips197),
		cmocka_unit_test(test_expand_aesni),
		cmocka_unit_test(test_schedules),
		cmocka_unit_test(test_schedules_distinct),
		cmocka_unit_test(test_raw_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
