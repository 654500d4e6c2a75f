/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the loader decides before it moves a byte: is the launch image whole, does everything fit
 * into this guest, and in which order can the segments be moved.
 *
 * Pure arithmetic over two pages that were copied out of the image, so it is unit-tested on the
 * build machine. The Core checks the descriptor again and believes nothing that is decided here:
 * a wrong plan gives a wrong digest or a refusal, never a leak.
 */
#ifndef CLOISTER_LOADER_PLAN_H
#define CLOISTER_LOADER_PLAN_H

#include <stdint.h>
#include <cloister/launch.h>

struct plan_range {
	uint64_t start; /* first byte */
	uint64_t end;	/* first byte behind */
};

#define PLAN_MAP_MAX 32u

/* Where things are in this guest. */
struct plan_place {
	struct plan_range loader;	     /* the loader: code, data, bss */
	struct plan_range image;	     /* the launch image: the multiboot module */
	uint32_t map_count;		     /* the firmware's memory map, every type of entry */
	struct plan_range map[PLAN_MAP_MAX]; /* in any order */
};

struct plan_move {
	uint64_t to;
	uint64_t from;
	uint64_t bytes;
};

/* Moves, in the order in which they are safe. */
struct plan {
	uint32_t count;
	struct plan_move move[CL_LAUNCH_SEGS_MAX];
};

enum plan_error {
	PLAN_OK = 0,
	PLAN_SHORT,
	PLAN_IMAGE_PLACE,
	PLAN_HEADER_MAGIC,
	PLAN_HEADER_VERSION,
	PLAN_FILE_BYTES,
	PLAN_DESC_MAGIC,
	PLAN_DESC_VERSION,
	PLAN_MEMORY,
	PLAN_MACHINE,
	PLAN_SEG_COUNT,
	PLAN_SEG_ALIGN,
	PLAN_SEG_SIZE,
	PLAN_SEG_ORDER,
	PLAN_SEG_RAM,
	PLAN_SEG_TABLES,
	PLAN_SEG_LOADER,
	PLAN_CONTENT,
	PLAN_ENTRY,
};

/* The image is long enough to hold header and descriptor, and lies clear of the loader. */
enum plan_error plan_image(const struct plan_place *place);

/* Check everything, then fill *plan. On failure *plan is empty. */
enum plan_error plan_make(struct plan *plan, const struct cl_launch_header *header,
			  const struct cl_launch_desc *desc, const struct plan_place *place);

/* One line for people. */
const char *plan_reason(enum plan_error error);

#endif
