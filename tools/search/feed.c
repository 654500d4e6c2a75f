// SPDX-License-Identifier: Apache-2.0
/*
 * The buffer between whoever reads memory and the scanners.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "feed.h"

int feed_init(struct feed *f, size_t room)
{
	memset(f, 0, sizeof(*f));
	if (room == 0)
		return -EINVAL;
	/* Page aligned, so that a caller can lock it and name its frames. */
	f->buffer = aligned_alloc(4096, (FEED_HISTORY + room + 4095) & ~(size_t)4095);
	if (!f->buffer)
		return -ENOMEM;
	f->room = room;
	return 0;
}

void feed_free(struct feed *f)
{
	free(f->buffer);
	memset(f, 0, sizeof(*f));
}

int feed_add(struct feed *f, scan_fn *fn, void *arg)
{
	if (f->scanners == FEED_SCANNERS)
		return -ENOSPC;
	f->scanner[f->scanners].fn = fn;
	f->scanner[f->scanners].arg = arg;
	f->scanners++;
	return 0;
}

uint8_t *feed_room(struct feed *f)
{
	return f->buffer + FEED_HISTORY;
}

static void show(struct feed *f, size_t n, bool last)
{
	struct window w = {
		.data = f->buffer + FEED_HISTORY - f->history,
		.len = f->history + n,
		.addr = f->addr - f->history,
		.last = last,
	};

	for (unsigned int i = 0; i < f->scanners; i++)
		f->scanner[i].fn(f->scanner[i].arg, &w);
}

void feed_commit(struct feed *f, size_t n)
{
	size_t keep;

	if (n == 0)
		return;
	show(f, n, false);
	keep = f->history + n;
	if (keep > FEED_HISTORY)
		keep = FEED_HISTORY;
	memmove(f->buffer + FEED_HISTORY - keep, f->buffer + FEED_HISTORY + n - keep, keep);
	f->history = keep;
	f->addr += n;
	f->bytes += n;
}

void feed_end(struct feed *f)
{
	if (f->history)
		show(f, 0, true);
	f->history = 0;
}

int feed_seek(struct feed *f, uint64_t addr)
{
	if (addr < f->addr)
		return -EINVAL;
	if (addr != f->addr)
		feed_end(f);
	f->addr = addr;
	return 0;
}
