// SPDX-License-Identifier: Apache-2.0
/*
 * Finding fragments of a canary.
 *
 * All 8-byte words of the canary, at every offset, stand in a hash table. A run of `fragment`
 * bytes in memory holds an 8-byte word at one of any fragment − 7 successive addresses, so memory
 * is probed only once every that many bytes; a hit is then extended both ways.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include "canary.h"
#include "cleanup.h"

#define WORD	 8u
#define NOT_HERE SIZE_MAX

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t hash(uint64_t word)
{
	return word * 0x9e3779b97f4a7c15ull; /* 2^64 / golden ratio: high bits mix well */
}

static uint64_t canary_word(const struct canary *c, size_t offset)
{
	return load64(c->a + offset) ^ load64(c->b + offset);
}

static uint8_t canary_byte(const struct canary *c, size_t offset)
{
	return c->a[offset] ^ c->b[offset];
}

static size_t lookup(const struct canary *c, uint64_t word, uint64_t h)
{
	size_t mask = ((size_t)1 << c->slot_bits) - 1;
	uint32_t tag = (uint32_t)(h >> 8);

	for (size_t i = h >> (64 - c->slot_bits);; i = (i + 1) & mask) {
		const struct canary_slot *slot = &c->slots[i];

		if (slot->offset1 == 0)
			return NOT_HERE;
		if (slot->tag == tag && canary_word(c, slot->offset1 - 1) == word)
			return slot->offset1 - 1;
	}
}

static void insert(struct canary *c, size_t offset, uint64_t h)
{
	size_t mask = ((size_t)1 << c->slot_bits) - 1;
	size_t i = h >> (64 - c->slot_bits);
	uint64_t bit = h >> (64 - c->filter_bits);

	while (c->slots[i].offset1 != 0)
		i = (i + 1) & mask;
	c->slots[i].tag = (uint32_t)(h >> 8);
	c->slots[i].offset1 = (uint32_t)offset + 1;
	c->filter[bit / 64] |= 1ull << (bit % 64);
}

static bool one_byte_prevails(const struct canary *c)
{
	size_t count[256] = {0};

	/* Expected len/256 of each; four times that and some slack never happens by chance. */
	for (size_t i = 0; i < c->len; i++)
		if (++count[canary_byte(c, i)] > c->len / 64 + 16)
			return true;
	return false;
}

/* Fill the table from the shares. */
static int build(struct canary *c, size_t fragment)
{
	unsigned int bits = 6;

	if (fragment < 2ul * WORD || c->len < fragment || c->len > CANARY_MAX)
		return -EINVAL;
	if (one_byte_prevails(c))
		return -EDOM;
	while (((size_t)1 << bits) < c->len)
		bits++;
	c->fragment = fragment;
	c->stride = (unsigned int)(fragment - (WORD - 1)) & ~7u;
	c->slot_bits = bits + 1;   /* at most half full */
	c->filter_bits = bits + 4; /* 1 word in 16 passes by chance */
	c->slots = calloc((size_t)1 << c->slot_bits, sizeof(*c->slots));
	c->filter = calloc((size_t)1 << (c->filter_bits - 6), sizeof(*c->filter));
	if (!c->slots || !c->filter)
		return -ENOMEM;
	for (size_t i = 0; i + WORD <= c->len; i++) {
		uint64_t word = canary_word(c, i), h = hash(word);

		if (lookup(c, word, h) != NOT_HERE)
			return -EDOM;
		insert(c, i, h);
	}
	return 0;
}

static int alloc_shares(struct canary *c, size_t len)
{
	memset(c, 0, sizeof(*c));
	if (len == 0 || len > CANARY_MAX)
		return -EINVAL;
	c->len = len;
	c->a = malloc(len);
	c->b = malloc(len);
	return c->a && c->b ? 0 : -ENOMEM;
}

static int fill_random(uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

int canary_init(struct canary *c, const uint8_t *raw, size_t len, size_t fragment)
{
	int rc = alloc_shares(c, len);

	if (!rc)
		rc = fill_random(c->a, len);
	if (!rc) {
		for (size_t i = 0; i < len; i++)
			c->b[i] = raw[i] ^ c->a[i];
		rc = build(c, fragment);
	}
	if (rc)
		canary_free(c);
	return rc;
}

static int read_file(const char *path, uint8_t **data, size_t *len)
{
	cleanup_fclose FILE *f = fopen(path, "rbe");
	cleanup_free uint8_t *buf = NULL;
	struct stat st;
	size_t size;

	if (!f || fstat(fileno(f), &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return -EINVAL;
	if (st.st_size > 2ll * CANARY_MAX + 16)
		return -E2BIG;
	size = (size_t)st.st_size;
	/* Unbuffered: stdio must not keep a copy of a secret. */
	(void)setvbuf(f, NULL, _IONBF, 0);
	buf = malloc(size);
	if (!buf)
		return -ENOMEM;
	if (fread(buf, 1, size, f) != size) {
		explicit_bzero(buf, size);
		return -EIO;
	}
	*data = buf;
	*len = size;
	buf = NULL;
	return 0;
}

int canary_load(struct canary *c, const char *path, size_t fragment)
{
	cleanup_free uint8_t *file = NULL;
	size_t len = 0;
	uint64_t half;
	int rc;

	memset(c, 0, sizeof(*c));
	rc = read_file(path, &file, &len);
	if (rc || !file)
		return rc ? rc : -EIO;
	if (len < 16 || memcmp(file, CANARY_MAGIC, 8) != 0) {
		rc = canary_init(c, file, len, fragment);
		explicit_bzero(file, len);
		return rc;
	}
	half = load64(file + 8);
	if (half != (len - 16) / 2 || (len & 1))
		return -EINVAL;
	rc = alloc_shares(c, half);
	if (!rc) {
		memcpy(c->a, file + 16, half);
		memcpy(c->b, file + 16 + half, half);
		rc = build(c, fragment);
	}
	if (rc)
		canary_free(c);
	return rc;
}

int canary_save(const struct canary *c, const char *path)
{
	cleanup_fclose FILE *f = fopen(path, "wbe");
	uint64_t len = c->len;

	if (!f)
		return -errno;
	if (fwrite(CANARY_MAGIC, 1, 8, f) != 8 || fwrite(&len, 1, 8, f) != 8 ||
	    fwrite(c->a, 1, c->len, f) != c->len || fwrite(c->b, 1, c->len, f) != c->len ||
	    fflush(f) != 0)
		return -EIO;
	return 0;
}

void canary_free(struct canary *c)
{
	free(c->a);
	free(c->b);
	free(c->filter);
	free(c->slots);
	memset(c, 0, sizeof(*c));
}

void canary_scan_init(struct canary_scan *s, const struct canary *c, run_fn *run, void *arg)
{
	memset(s, 0, sizeof(*s));
	s->c = c;
	s->run = run;
	s->arg = arg;
}

static uint64_t align_up(uint64_t v, unsigned int n)
{
	uint64_t rest = v % n;

	return rest ? v + n - rest : v;
}

static void close_run(struct canary_scan *s)
{
	if (s->end - s->start >= s->c->fragment)
		s->run(s->arg, s->start, s->end - s->start);
	s->open = false;
	/* The next run may share up to 7 bytes with this one: an 8-byte word has one place only. */
	s->next = align_up(s->end - (WORD - 1), s->c->stride);
}

/* Extend the open run to the right; false if memory ended before the run did. */
static bool extend(struct canary_scan *s, const struct window *w)
{
	uint64_t limit = w->addr + w->len;

	while (s->end < limit) {
		if (s->offset == s->c->len ||
		    w->data[s->end - w->addr] != canary_byte(s->c, s->offset)) {
			close_run(s);
			return true;
		}
		s->end++;
		s->offset++;
	}
	if (!w->last && s->offset < s->c->len)
		return false;
	close_run(s);
	return true;
}

/* Probe from s->next; on a hit open a run, with its true beginning. */
static bool probe(struct canary_scan *s, const struct window *w)
{
	const struct canary *c = s->c;
	const uint64_t *filter = c->filter;
	unsigned int shift = 64 - c->filter_bits;
	size_t i = s->next - w->addr, offset = NOT_HERE;

	for (; i + WORD <= w->len; i += c->stride) {
		uint64_t word = load64(w->data + i), h = hash(word), bit = h >> shift;

		if (!(filter[bit / 64] >> (bit % 64) & 1))
			continue;
		offset = lookup(c, word, h);
		if (offset != NOT_HERE)
			break;
	}
	s->next = w->addr + i;
	if (offset == NOT_HERE)
		return false;
	s->open = true;
	s->end = s->next + WORD;
	s->offset = offset + WORD;
	/* A run reaches back over less than one stride, or the last probe had found it. */
	while (i > 0 && offset > 0 && w->data[i - 1] == canary_byte(c, offset - 1)) {
		i--;
		offset--;
	}
	s->start = w->addr + i;
	return true;
}

void canary_scan(void *arg, const struct window *w)
{
	struct canary_scan *s = arg;

	if (s->next < w->addr)
		s->next = align_up(w->addr, s->c->stride);
	do {
		if (s->open && !extend(s, w))
			return;
	} while (probe(s, w));
}
