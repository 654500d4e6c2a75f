/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading somebody else's memory through a file (/proc/PID/mem, /proc/kcore) into a feed, page by
 * page where it resists.
 */
#ifndef ATTACK_READER_H
#define ATTACK_READER_H

#include <stdint.h>
#include <stdio.h>
#include "canary.h"
#include "classes.h"
#include "feed.h"
#include "tally.h"

#define READER_CHUNK (256u << 10)

struct reader {
	struct feed feed;
	struct canary_scan scan;
	struct tally tally;
	uint64_t errors; /* pages that could not be read */
};

/* canary may be NULL: then memory is read and counted only. */
int reader_init(struct reader *r, const struct canary *canary);
void reader_free(struct reader *r);
/*
 * Read bytes [offset, offset + len) of fd; they stand at addr. Pages that cannot be read are
 * counted and skipped, and so is what lies beyond the end of the file, unless eof_is_gone: then
 * the answer is -ESRCH (/proc/PID/mem reads as empty once the process is gone).
 */
int reader_range(struct reader *r, int fd, uint64_t offset, uint64_t len, uint64_t addr,
		 bool eof_is_gone);
/* "bytes": …, "errors": …, and counts of hits. */
void reader_print(FILE *out, const struct reader *r, const struct classes *c);
/* Add up what two readers found. */
struct reader_sum {
	uint64_t bytes, errors;
	struct counts hits;
};
void reader_add(struct reader_sum *sum, const struct reader *r);

#endif
