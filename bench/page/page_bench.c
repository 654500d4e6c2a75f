// SPDX-License-Identifier: Apache-2.0
/*
 * How long it takes to seal and to open one 4 KiB page, against memcpy and the packaged libraries.
 *
 * All contenders take turns within every round, so that a slow moment of the machine hits all of
 * them. Each is measured on two sets of pages: "hot" stays in the first-level cache; "spread"
 * walks a buffer larger than the second-level cache in random order, and no page is touched again
 * until the whole buffer was. Prints a table; with an argument, writes the medians there as JSON.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "cipher/page_cipher.h"
#include "contender.h"

#define ROUNDS	     81u
#define HOT_PAGES    4u
#define HOT_REPEATS  32u
#define TURN_PAGES   1024u /* 4 MiB: what was sealed has left L2 when it is opened */
#define BUFFER_PAGES 16384u
#define CONTENDERS   16u

enum { HOT, SPREAD, PLACES };
enum { SEAL, OPEN, WAYS };

struct entry {
	char name[32];
	const struct contender *library; /* null: memcpy or a path of the page cipher */
	const char *path;
	double us[PLACES][WAYS][ROUNDS];
};

static struct entry entries[CONTENDERS];
static unsigned nr_entries;
static uint8_t *buffer;
static uint8_t tags[BUFFER_PAGES][BENCH_TAG_SIZE];
static uint32_t order[BUFFER_PAGES];
static struct page_key page_key;
static const uint8_t key[BENCH_KEY_SIZE] = "a key for measurements, no more";

static void fail(const char *what)
{
	fprintf(stderr, "page_bench: %s\n", what);
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static uint8_t *page_at(uint32_t n)
{
	return buffer + (size_t)n * BENCH_PAGE;
}

static void seal_pages(const struct entry *e, const uint32_t *pages, uint32_t n, uint64_t version)
{
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t p = pages[i];

		if (e->library)
			e->library->seal(p, version, page_at(p), tags[p]);
		else if (e->path)
			page_seal(&page_key, p, version, page_at(p), tags[p]);
		else
			memcpy(page_at(pages[n - 1 - i]), page_at(p), BENCH_PAGE);
	}
}

static void open_pages(const struct entry *e, const uint32_t *pages, uint32_t n, uint64_t version)
{
	bool ok = true;

	for (uint32_t i = 0; i < n; i++) {
		const uint32_t p = pages[i];

		if (e->library)
			ok &= e->library->open(p, version, page_at(p), tags[p]);
		else if (e->path)
			ok &= page_open(&page_key, p, version, page_at(p), tags[p]) == 0;
		else
			memcpy(page_at(p), page_at(pages[n - 1 - i]), BENCH_PAGE);
	}
	if (!ok)
		fail("a page did not open");
}

static void measure(struct entry *e, unsigned round, unsigned place, const uint32_t *pages,
		    uint32_t n, unsigned repeats)
{
	double spent[WAYS] = {0};

	for (unsigned i = 0; i < repeats; i++) {
		const double start = now_us();

		seal_pages(e, pages, n, round);

		const double middle = now_us();

		open_pages(e, pages, n, round);
		spent[SEAL] += middle - start;
		spent[OPEN] += now_us() - middle;
	}
	for (unsigned w = 0; w < WAYS; w++)
		e->us[place][w][round] = spent[w] / (n * repeats);
}

static void run_rounds(void)
{
	uint32_t turn = 0;

	for (unsigned r = 0; r < ROUNDS; r++)
		for (unsigned i = 0; i < nr_entries; i++) {
			struct entry *e = &entries[i];

			if (e->path) {
				page_cipher_select(e->path);
				page_key_setup(&page_key, key);
			}
			measure(e, r, SPREAD, order + turn, TURN_PAGES, 1);
			turn = (turn + TURN_PAGES) % BUFFER_PAGES;
			/* The first pass brings code and pages in, and counts for nothing. */
			measure(e, r, HOT, order, HOT_PAGES, 1);
			measure(e, r, HOT, order, HOT_PAGES, HOT_REPEATS);
		}
}

static struct entry *add(const char *name, const struct contender *library, const char *path)
{
	struct entry *e = &entries[nr_entries];

	if (nr_entries == CONTENDERS)
		fail("too many contenders");
	nr_entries++;
	snprintf(e->name, sizeof(e->name), "%s", name);
	e->library = library;
	e->path = path;
	return e;
}

static void add_all(void)
{
	static const char *const paths[] = {"scalar", "aesni", "vaes256", "vaes512"};

	add("memcpy", NULL, NULL);
	for (const struct contender *l = libraries; l->name; l++)
		if (l->start(key))
			add(l->name, l, NULL);
	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (page_cipher_select(paths[i]))
			add(paths[i], NULL, paths[i]);
}

/* All must compute the same function, or the comparison means nothing. */
static void check_agreement(void)
{
	uint8_t first[BENCH_TAG_SIZE] = {0};

	for (unsigned i = 1; i < nr_entries; i++) {
		const struct entry *e = &entries[i];

		if (e->path) {
			page_cipher_select(e->path);
			page_key_setup(&page_key, key);
		}
		memset(buffer, 0x5a, BENCH_PAGE);
		seal_pages(e, (const uint32_t[]){0}, 1, 7);
		if (i == 1)
			memcpy(first, tags[0], sizeof(first));
		else if (memcmp(first, tags[0], sizeof(first)))
			fail("the contenders disagree");
	}
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_table(void)
{
	printf("4 KiB page, in µs: least / median of %u interleaved rounds\n", ROUNDS);
	printf("%-18s %17s %17s %17s %17s\n", "", "seal, hot", "open, hot", "seal, spread",
	       "open, spread");
	for (unsigned i = 0; i < nr_entries; i++) {
		struct entry *e = &entries[i];

		printf("%s%-*s", e->path ? "cloister " : "", e->path ? 9 : 18, e->name);
		for (unsigned p = 0; p < PLACES; p++)
			for (unsigned w = 0; w < WAYS; w++) {
				double *us = e->us[p][w];

				qsort(us, ROUNDS, sizeof(*us), by_value);
				printf("   %6.3f / %6.3f", us[0], us[ROUNDS / 2]);
			}
		printf("\n");
	}
}

/* What the Core adds where it opens one page: no key schedule outlives its use. */
static void print_key(void)
{
	double us[ROUNDS];

	for (unsigned r = 0; r < ROUNDS; r++) {
		const double start = now_us();

		for (unsigned i = 0; i < HOT_REPEATS; i++) {
			page_key_setup(&page_key, key);
			page_key_wipe(&page_key);
		}
		us[r] = (now_us() - start) / HOT_REPEATS;
	}
	qsort(us, ROUNDS, sizeof(*us), by_value);
	printf("page key, set up and wiped (%s): %.3f / %.3f\n", page_cipher_name(), us[0],
	       us[ROUNDS / 2]);
}

static double median(const struct entry *e, unsigned place, unsigned way)
{
	return e->us[place][way][ROUNDS / 2];
}

/* What a page costs on average over its life: as many opens as seals. */
static double median_both(const struct entry *e, unsigned place)
{
	return (median(e, place, SEAL) + median(e, place, OPEN)) / 2;
}

static void print_entry(FILE *f, const struct entry *e, const char *end)
{
	fprintf(f,
		"\t\t\"%s\": {\"seal_hot_us\": %.4f, \"open_hot_us\": %.4f, "
		"\"seal_spread_us\": %.4f, \"open_spread_us\": %.4f}%s\n",
		e->name, median(e, HOT, SEAL), median(e, HOT, OPEN), median(e, SPREAD, SEAL),
		median(e, SPREAD, OPEN), end);
}

static void write_json(const char *file, const char *chosen)
{
	const struct entry *openssl = NULL, *best = NULL, *ours = NULL;
	FILE *f = fopen(file, "w");

	if (!f)
		fail(strerror(errno));
	for (unsigned i = 0; i < nr_entries; i++) {
		const struct entry *e = &entries[i];

		if (e->library && !strcmp(e->name, "openssl"))
			openssl = e;
		if (e->library && (!best || median_both(e, HOT) < median_both(best, HOT)))
			best = e;
		if (e->path && !strcmp(e->path, chosen))
			ours = e;
	}
	if (!openssl || !ours)
		fail("OpenSSL or the chosen path was not measured");
	fprintf(f, "{\n\t\"measure\": \"median, hot page, mean of seal and open\",\n");
	fprintf(f, "\t\"memcpy_us\": %.4f,\n", median_both(&entries[0], HOT));
	fprintf(f, "\t\"openssl_gcm_us\": %.4f,\n", median_both(openssl, HOT));
	fprintf(f, "\t\"best_library_us\": %.4f,\n", median_both(best, HOT));
	fprintf(f, "\t\"best_library\": \"%s\",\n", best->name);
	fprintf(f, "\t\"cloister_us\": %.4f,\n", median_both(ours, HOT));
	fprintf(f, "\t\"cloister_path\": \"%s\",\n\t\"others\": {\n", chosen);
	for (unsigned i = 0; i < nr_entries; i++)
		if (!entries[i].path)
			print_entry(f, &entries[i], entries[i + 1].path ? "" : ",");
	fprintf(f, "\t},\n\t\"paths\": {\n");
	for (unsigned i = 0; i < nr_entries; i++)
		if (entries[i].path)
			print_entry(f, &entries[i], i + 1 == nr_entries ? "" : ",");
	fprintf(f, "\t}\n}\n");
	if (fclose(f))
		fail(strerror(errno));
}

int main(int argc, char **argv)
{
	const size_t size = (size_t)(BUFFER_PAGES + 1) * BENCH_PAGE;
	const char *chosen;

	buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer == MAP_FAILED)
		fail("out of memory");
	madvise(buffer, size, MADV_HUGEPAGE);
	memset(buffer, 0x5a, size);
	srandom(1);
	for (uint32_t i = 0; i < BUFFER_PAGES; i++) {
		const uint32_t j = (uint32_t)random() % (i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	page_cipher_init();
	chosen = page_cipher_name();
	add_all();
	check_agreement();
	run_rounds();
	print_table();
	print_key();
	if (argc > 1)
		write_json(argv[1], chosen);
	return 0;
}
