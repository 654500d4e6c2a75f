/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting runs.
 *
 *   fragments  a run of n bytes counts ⌊n / fragment⌋: the fragments that stand in it side by side
 *   frames     distinct 4 KiB frames with at least one byte of a run
 *   bytes      distinct bytes in runs
 *
 * By class of frames: a fragment that straddles frames of two classes counts in both, so that no
 * class is ever counted too low; the classes may then add up to more than the whole.
 */
#ifndef SEARCH_TALLY_H
#define SEARCH_TALLY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "classes.h"

struct run {
	uint64_t addr, len;
};

struct counts {
	uint64_t fragments, frames, bytes;
};

struct tally {
	size_t fragment; /* bytes */
	size_t nr, room;
	struct run *run;
	int error; /* -ENOMEM: runs were lost */
};

void tally_init(struct tally *t, size_t fragment);
void tally_free(struct tally *t);
/* A run_fn; arg is the struct tally. */
void tally_run(void *arg, uint64_t addr, uint64_t len);
/* Count; by_class (may be NULL) has one entry for each of c's classes. */
void tally_count(const struct tally *t, const struct classes *c, struct counts *all,
		 struct counts *by_class);
/* One line a frame: number, bytes in runs. */
int tally_write_frames(const struct tally *t, const char *path);
/* "fragments": …, "frames": …, "matched_bytes": …, and with classes "classes": {…}. */
void tally_print(FILE *out, const struct tally *t, const struct classes *c);

#endif
