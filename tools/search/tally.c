// SPDX-License-Identifier: Apache-2.0
/*
 * From runs to figures.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "cleanup.h"
#include "tally.h"

#define FRAME_SHIFT 12

void tally_init(struct tally *t, size_t fragment)
{
	memset(t, 0, sizeof(*t));
	t->fragment = fragment;
}

void tally_free(struct tally *t)
{
	free(t->run);
	memset(t, 0, sizeof(*t));
}

void tally_run(void *arg, uint64_t addr, uint64_t len)
{
	struct tally *t = arg;

	if (t->nr == t->room) {
		size_t more = t->room ? t->room * 2 : 256;
		struct run *p = reallocarray(t->run, more, sizeof(*p));

		if (!p) {
			t->error = -ENOMEM;
			return;
		}
		t->run = p;
		t->room = more;
	}
	t->run[t->nr].addr = addr;
	t->run[t->nr].len = len;
	t->nr++;
}

/* Walks the frames that runs touch, in ascending order, each once. */
struct frame_walk {
	const struct tally *t;
	size_t run;
	uint64_t addr; /* first byte of the run not yet accounted for */
};

static bool next_frame(struct frame_walk *w, uint64_t *frame, uint64_t *bytes)
{
	bool any = false;

	*frame = 0;
	*bytes = 0;
	for (; w->run < w->t->nr; w->run++) {
		const struct run *r = &w->t->run[w->run];
		uint64_t end = r->addr + r->len, stop;

		/* Up to 7 bytes may belong to the run before as well. */
		if (w->addr < r->addr)
			w->addr = r->addr;
		if (w->addr >= end)
			continue;
		if (any && w->addr >> FRAME_SHIFT != *frame)
			return true;
		*frame = w->addr >> FRAME_SHIFT;
		any = true;
		stop = (*frame + 1) << FRAME_SHIFT;
		if (stop > end)
			stop = end;
		*bytes += stop - w->addr;
		w->addr = stop;
		if (w->addr < end)
			return true;
	}
	return any;
}

static void count_fragments(const struct tally *t, const struct classes *c, struct counts *by_class)
{
	for (size_t i = 0; i < t->nr; i++) {
		const struct run *r = &t->run[i];

		for (uint64_t at = 0; at + t->fragment <= r->len; at += t->fragment) {
			uint64_t first = r->addr + at, last = first + t->fragment - 1;
			unsigned int one = classes_of(c, first >> FRAME_SHIFT);
			unsigned int two = classes_of(c, last >> FRAME_SHIFT);

			by_class[one].fragments++;
			if (two != one)
				by_class[two].fragments++;
		}
	}
}

void tally_count(const struct tally *t, const struct classes *c, struct counts *all,
		 struct counts *by_class)
{
	struct frame_walk w = {.t = t};
	uint64_t frame, bytes;

	memset(all, 0, sizeof(*all));
	if (by_class) {
		memset(by_class, 0, c->nr * sizeof(*by_class));
		count_fragments(t, c, by_class);
	}
	for (size_t i = 0; i < t->nr; i++)
		all->fragments += t->run[i].len / t->fragment;
	while (next_frame(&w, &frame, &bytes)) {
		all->frames++;
		all->bytes += bytes;
		if (by_class) {
			struct counts *k = &by_class[classes_of(c, frame)];

			k->frames++;
			k->bytes += bytes;
		}
	}
}

int tally_write_frames(const struct tally *t, const char *path)
{
	cleanup_fclose FILE *f = fopen(path, "we");
	struct frame_walk w = {.t = t};
	uint64_t frame, bytes;

	if (!f)
		return -errno;
	while (next_frame(&w, &frame, &bytes))
		if (fprintf(f, "0x%" PRIx64 " %" PRIu64 "\n", frame, bytes) < 0)
			return -EIO;
	return fflush(f) == 0 ? 0 : -EIO;
}

static void print_counts(FILE *out, const struct counts *k)
{
	fprintf(out,
		"\"fragments\": %" PRIu64 ", \"frames\": %" PRIu64 ", \"matched_bytes\": %" PRIu64,
		k->fragments, k->frames, k->bytes);
}

void tally_print(FILE *out, const struct tally *t, const struct classes *c)
{
	struct counts all, by_class[CLASS_MAX];

	tally_count(t, c, &all, by_class);
	print_counts(out, &all);
	if (c->nr < 2)
		return;
	fputs(", \"classes\": {", out);
	for (unsigned int i = 0; i < c->nr; i++) {
		fprintf(out, "%s\"%s\": {", i ? ", " : "", c->name[i]);
		print_counts(out, &by_class[i]);
		fputs("}", out);
	}
	fputs("}", out);
}
