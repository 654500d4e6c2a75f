/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A feed brings memory, from wherever it is read, to the scanners.
 *
 * Memory arrives in pieces at ascending addresses. Pieces that adjoin form a stretch; a scanner
 * sees each new piece together with the last FEED_HISTORY bytes of its stretch, so that nothing
 * is missed at a seam. Across a gap nothing is joined.
 */
#ifndef SEARCH_FEED_H
#define SEARCH_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest thing that a scanner looks at in one go: an AES-256 schedule in 4 copies. */
#define FEED_HISTORY  1024u
#define FEED_SCANNERS 20u

struct window {
	const uint8_t *data; /* history, then the new bytes */
	size_t len;
	uint64_t addr; /* of data[0] */
	bool last;     /* the stretch ends with this window */
};

typedef void scan_fn(void *arg, const struct window *w);

struct feed {
	uint8_t *buffer; /* FEED_HISTORY bytes, then room for new ones */
	size_t room;
	size_t history; /* bytes of history that are valid, right before the room */
	uint64_t addr;	/* of the next new byte */
	uint64_t bytes; /* fed in all */
	unsigned int scanners;
	struct {
		scan_fn *fn;
		void *arg;
	} scanner[FEED_SCANNERS];
};

int feed_init(struct feed *f, size_t room);
void feed_free(struct feed *f);
int feed_add(struct feed *f, scan_fn *fn, void *arg);

/* Go on at this address; a gap ends the stretch. Addresses only ascend: else -EINVAL. */
int feed_seek(struct feed *f, uint64_t addr);
/* Where the caller puts up to f->room new bytes. */
uint8_t *feed_room(struct feed *f);
/* n new bytes stand there now. */
void feed_commit(struct feed *f, size_t n);
/* Nothing follows: end the stretch. */
void feed_end(struct feed *f);

#endif
