// SPDX-License-Identifier: Apache-2.0
/*
 * AES key schedules. The words of a schedule are w[0], w[1], …; most are plain sums,
 * w[i] = w[i-1] ^ w[i-Nk], in whatever byte order they are stored. Two of these sums are the quick
 * test; what passes is expanded again from its own first words and compared whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "schedule.h"

static uint8_t sbox[256];

/* FIPS 197, section 5.1.1: inverse in GF(2^8), then an affine map. 3 generates the field. */
static void make_sbox(void)
{
	uint8_t p = 1, q = 1;

	if (sbox[0])
		return;
	do {
		p = (uint8_t)(p ^ (p << 1) ^ (p & 0x80 ? 0x1b : 0)); /* × 3 */
		q ^= (uint8_t)(q << 1);				     /* ÷ 3 */
		q ^= (uint8_t)(q << 2);
		q ^= (uint8_t)(q << 4);
		q ^= q & 0x80 ? 0x09 : 0;
		sbox[p] = (uint8_t)(q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^
				    (q << 4 | q >> 4) ^ 0x63);
	} while (p != 1);
	sbox[0] = 0x63;
}

static size_t schedule_bytes(unsigned int nk)
{
	return ((size_t)nk + 7) * 16;
}

size_t aes_expand(const uint8_t *key, unsigned int nk, uint8_t out[AES_SCHEDULE_MAX])
{
	size_t words = schedule_bytes(nk) / 4;
	uint8_t rcon = 1;

	make_sbox();
	memcpy(out, key, (size_t)4 * nk);
	for (size_t i = nk; i < words; i++) {
		const uint8_t *prev = out + 4 * (i - 1), *back = out + 4 * (i - nk);
		uint8_t t[4] = {prev[0], prev[1], prev[2], prev[3]};

		if (i % nk == 0) {
			t[0] = sbox[prev[1]] ^ rcon;
			t[1] = sbox[prev[2]];
			t[2] = sbox[prev[3]];
			t[3] = sbox[prev[0]];
			rcon = (uint8_t)(rcon << 1 ^ (rcon & 0x80 ? 0x1b : 0));
		} else if (nk > 6 && i % nk == 4) {
			for (int j = 0; j < 4; j++)
				t[j] = sbox[prev[j]];
		}
		for (int j = 0; j < 4; j++)
			out[4 * i + (size_t)j] = back[j] ^ t[j];
	}
	return words * 4;
}

void schedule_scan_init(struct schedule_scan *s)
{
	memset(s, 0, sizeof(*s));
	make_sbox();
}

void schedule_scan_free(struct schedule_scan *s)
{
	if (s->found)
		explicit_bzero(s->found, s->room * sizeof(*s->found));
	free(s->found);
	memset(s, 0, sizeof(*s));
}

static void record(struct schedule_scan *s, const struct schedule *found)
{
	if (s->nr == s->room) {
		size_t more = s->room ? s->room * 2 : 64;
		struct schedule *p = reallocarray(s->found, more, sizeof(*p));

		if (!p) {
			s->error = -ENOMEM;
			return;
		}
		s->found = p;
		s->room = more;
	}
	s->found[s->nr++] = *found;
}

static uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void swap_words(uint8_t *p, size_t n)
{
	for (; n >= 4; n -= 4, p += 4) {
		uint32_t v = __builtin_bswap32(load32(p));

		memcpy(p, &v, sizeof(v));
	}
}

/* Is there a whole schedule at p, of which `have` bytes may be read? */
static bool verify(const uint8_t *p, size_t have, unsigned int nk, unsigned int copies,
		   struct schedule *found)
{
	size_t bytes = schedule_bytes(nk);
	uint8_t flat[AES_SCHEDULE_MAX], expanded[AES_SCHEDULE_MAX];

	if (have < bytes * copies)
		return false;
	for (size_t round = 0; round < bytes / 16; round++) {
		const uint8_t *src = p + round * 16 * copies;

		for (unsigned int i = 1; i < copies; i++)
			if (memcmp(src, src + (size_t)16 * i, 16) != 0)
				return false;
		memcpy(flat + round * 16, src, 16);
	}
	for (int swapped = 0; swapped < 2; swapped++) {
		if (swapped)
			swap_words(flat, bytes);
		aes_expand(flat, nk, expanded);
		if (memcmp(flat, expanded, bytes) == 0) {
			memset(found, 0, sizeof(*found));
			found->bits = nk * 32;
			found->copies = copies;
			found->swapped = swapped;
			memcpy(found->key, flat, (size_t)4 * nk);
			return true;
		}
	}
	return false;
}

static void try(struct schedule_scan *s, const struct window *w, size_t i, unsigned int nk,
		unsigned int copies)
{
	struct schedule found;

	if (!verify(w->data + i, w->len - i, nk, copies, &found))
		return;
	found.addr = w->addr + i;
	record(s, &found);
}

/*
 * The quick test: two of the sums. Zeros satisfy them; but no schedule starts with nk + 1 zero
 * words, since S(0) is not 0.
 */
static bool plausible(const uint8_t *p, unsigned int nk, unsigned int copies)
{
	const uint8_t *mid = p + (size_t)16 * copies, *next = p + (size_t)4 * nk * copies;
	uint32_t w0 = load32(next), w1 = load32(next + 4), w2 = load32(next + 8);

	if ((w0 ^ load32(p + 4)) != w1 || (w1 ^ load32(p + 8)) != w2)
		return false;
	return (load64(p) | load64(p + 8) | load64(mid) | load64(mid + 8) | w0) != 0;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	uint64_t any = 0;

	for (size_t i = 0; i < n; i += 8)
		any |= load64(p + i);
	return any == 0;
}

/*
 * The first address that has to wait for more memory, when looking for things that take between
 * `least` and `most` bytes.
 */
static size_t limit(const struct window *w, size_t least, size_t most)
{
	size_t need = w->last ? least : most;

	return w->len < need ? 0 : w->len - need + 1;
}

static void scan_single(struct schedule_scan *s, const struct window *w)
{
	size_t end = limit(w, schedule_bytes(4), schedule_bytes(8));
	size_t i = s->next < w->addr ? 0 : (size_t)(s->next - w->addr);

	while (i < end) {
		const uint8_t *p = w->data + i;
		uint32_t w1 = load32(p + 4);
		bool is128 = (load32(p + 16) ^ w1) == load32(p + 20);
		bool is256 = (load32(p + 32) ^ w1) == load32(p + 36);

		if (is128 | is256) {
			if (all_zero(p, 40)) {
				i += 5; /* from each of these, w[0] to w[8] are zero */
				continue;
			}
			if (is128 && plausible(p, 4, 1))
				try(s, w, i, 4, 1);
			if (is256 && plausible(p, 8, 1))
				try(s, w, i, 8, 1);
		}
		i++;
	}
	s->next = w->addr + i;
}

static void scan_repeated(struct schedule_scan *s, const struct window *w)
{
	size_t end = limit(w, 2 * schedule_bytes(4), 4 * schedule_bytes(8));
	size_t i = s->next_rep < w->addr ? 0 : (size_t)(s->next_rep - w->addr);

	while (i < end) {
		const uint8_t *p = w->data + i;

		if (load64(p) != load64(p + 16) || load64(p + 8) != load64(p + 24)) {
			i++;
			continue;
		}
		if (load64(p) == 0 && all_zero(p, 256)) {
			i += 120; /* w[8] of 4 copies ends at byte 132 */
			continue;
		}
		for (unsigned int copies = 2; copies <= 4; copies += 2)
			for (unsigned int nk = 4; nk <= 8; nk += 4)
				if (plausible(p, nk, copies))
					try(s, w, i, nk, copies);
		i++;
	}
	s->next_rep = w->addr + i;
}

void schedule_scan(void *arg, const struct window *w)
{
	scan_single(arg, w);
	scan_repeated(arg, w);
}

size_t schedule_distinct(const struct schedule_scan *s)
{
	size_t distinct = 0;

	for (size_t i = 0; i < s->nr; i++) {
		size_t j = 0;

		while (j < i && (s->found[j].bits != s->found[i].bits ||
				 memcmp(s->found[j].key, s->found[i].key, 32) != 0))
			j++;
		distinct += j == i;
	}
	return distinct;
}
