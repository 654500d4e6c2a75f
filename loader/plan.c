// SPDX-License-Identifier: Apache-2.0
// Checks of the launch image and the order of the moves.
#include "plan.h"

#define PLAN_HEAD_BYTES (2ull * CL_PAGE_SIZE) /* header and descriptor */
#define PLAN_RAM_UNIT	(2ull << 20)
#define PLAN_4GIB	(4ull << 30)

static int overlap(const struct plan_range *a, const struct plan_range *b)
{
	return a->start < b->end && b->start < a->end;
}

static int inside(const struct plan_range *a, const struct plan_range *b)
{
	return a->start >= b->start && a->end <= b->end;
}

// Does the union of the map's entries cover the whole range? Every round moves `at` to the end of
// an entry that covers it, so there are at most map_count rounds.
static int covered(const struct plan_place *place, const struct plan_range *range)
{
	uint64_t at = range->start;
	for (uint32_t round = 0; round < place->map_count && at < range->end; round++) {
		for (uint32_t i = 0; i < place->map_count; i++) {
			const struct plan_range *entry = &place->map[i];
			if (entry->start <= at && entry->end > at)
				at = entry->end;
		}
	}
	return at >= range->end;
}

// The three pieces of a q35 guest's RAM: below the hole, from 1 MiB, from 4 GiB. Returns how many.
static uint32_t ram_pieces(uint64_t memory, struct plan_range piece[3])
{
	uint64_t low = memory < CL_ZONE_LOW_RAM_END ? memory : CL_ZONE_LOW_RAM_END;
	piece[0] = (struct plan_range){0, CL_ZONE_HOLE_START};
	piece[1] = (struct plan_range){CL_ZONE_HOLE_END, low};
	piece[2] = (struct plan_range){CL_ZONE_HIGH_RAM, CL_ZONE_HIGH_RAM + (memory - low)};
	return memory > low ? 3 : 2;
}

// The firmware keeps some of the RAM for itself and says "reserved"; after PROTECT it has no say,
// so any entry counts. Only what is not there at all is missing from the map.
static enum plan_error check_machine(const struct cl_launch_desc *desc,
				     const struct plan_place *place, struct plan_range ram[3],
				     uint32_t *pieces)
{
	if (desc->memory_bytes < CL_ZONE_MEMORY_MIN || desc->memory_bytes > CL_ZONE_MEMORY_MAX ||
	    desc->memory_bytes % PLAN_RAM_UNIT)
		return PLAN_MEMORY;
	if (place->map_count > PLAN_MAP_MAX)
		return PLAN_MACHINE;
	*pieces = ram_pieces(desc->memory_bytes, ram);
	for (uint32_t i = 0; i < *pieces; i++)
		if (!covered(place, &ram[i]))
			return PLAN_MACHINE;
	return PLAN_OK;
}

static enum plan_error check_segs(const struct cl_launch_desc *desc, const struct plan_place *place,
				  const struct plan_range ram[3], uint32_t pieces)
{
	const struct plan_range tables = {
		CL_ZONE_BOOT_TABLES,
		CL_ZONE_BOOT_TABLES + (uint64_t)CL_ZONE_BOOT_TABLES_PAGES * CL_PAGE_SIZE};
	uint64_t behind = 0; // end of the segment before
	uint64_t total = PLAN_HEAD_BYTES;
	uint64_t file = place->image.end - place->image.start;
	int entry_found = 0;

	if (desc->nr_segs == 0 || desc->nr_segs > CL_LAUNCH_SEGS_MAX)
		return PLAN_SEG_COUNT;
	for (uint32_t i = 0; i < desc->nr_segs; i++) {
		const struct cl_launch_seg *seg = &desc->seg[i];
		if (seg->gpa % CL_PAGE_SIZE || seg->size % CL_PAGE_SIZE)
			return PLAN_SEG_ALIGN;
		// With this bound neither the sum nor the range below can wrap.
		if (seg->size == 0 || seg->size > file - total)
			return PLAN_SEG_SIZE;
		if (seg->gpa > CL_ZONE_HIGH_RAM + CL_ZONE_MEMORY_MAX)
			return PLAN_SEG_RAM;
		struct plan_range range = {seg->gpa, seg->gpa + seg->size};
		if (range.start < behind)
			return PLAN_SEG_ORDER;
		behind = range.end;
		total += seg->size;

		int in_ram = 0;
		for (uint32_t p = 0; p < pieces; p++)
			in_ram |= inside(&range, &ram[p]);
		if (!in_ram)
			return PLAN_SEG_RAM;
		if (overlap(&range, &tables))
			return PLAN_SEG_TABLES;
		if (overlap(&range, &place->loader))
			return PLAN_SEG_LOADER;
		entry_found |= desc->entry_rip >= range.start && desc->entry_rip < range.end;
	}
	if (total != file)
		return PLAN_CONTENT;
	return entry_found ? PLAN_OK : PLAN_ENTRY;
}

// The order of the moves. Let s(i) be where segment i lies in the image, d(i) where it goes, n(i)
// its size. Contents lie back to back, so s(i) + n(i) = s(i+1); destinations ascend and do not
// overlap, so d(i) + n(i) <= d(i+1). First every segment with d < s ("down"), in ascending order;
// then the others ("up", d >= s), in descending order. Each move is a memmove. No move destroys
// the source of one that is still to come:
//
//   Moving i down writes below d(i) + n(i) < s(i) + n(i) = s(i+1): it can only hit sources j < i.
//   If j is a down move, it was moved before. If j is up, its source ends at s(j) + n(j) <=
//   d(j) + n(j) <= d(i), below everything that is written.
//   Moving i up writes from d(i) >= s(i): it can only hit sources j > i. If j is a down move, all
//   of those are done. If j is up, it was moved before, as these go in descending order.
//
// No move destroys the result of another, as destinations do not overlap; nor the loader, its
// stack and its copy of the descriptor, as check_segs() keeps destinations away from them.
static void order_moves(struct plan *plan, const struct cl_launch_desc *desc, uint64_t contents)
{
	uint64_t from[CL_LAUNCH_SEGS_MAX];
	uint64_t at = contents;

	for (uint32_t i = 0; i < desc->nr_segs; i++) {
		from[i] = at;
		at += desc->seg[i].size;
	}
	for (uint32_t i = 0; i < desc->nr_segs; i++)
		if (desc->seg[i].gpa < from[i])
			plan->move[plan->count++] =
				(struct plan_move){desc->seg[i].gpa, from[i], desc->seg[i].size};
	for (uint32_t i = desc->nr_segs; i-- > 0;)
		if (desc->seg[i].gpa >= from[i])
			plan->move[plan->count++] =
				(struct plan_move){desc->seg[i].gpa, from[i], desc->seg[i].size};
}

enum plan_error plan_image(const struct plan_place *place)
{
	const struct plan_range *image = &place->image;
	if (image->end < image->start || image->end - image->start <= PLAN_HEAD_BYTES)
		return PLAN_SHORT;
	// A multiboot loader gives 32-bit addresses; the loader's first map reaches as far.
	if (image->end > PLAN_4GIB || overlap(image, &place->loader))
		return PLAN_IMAGE_PLACE;
	return PLAN_OK;
}

enum plan_error plan_make(struct plan *plan, const struct cl_launch_header *header,
			  const struct cl_launch_desc *desc, const struct plan_place *place)
{
	struct plan_range ram[3];
	uint32_t pieces = 0;
	enum plan_error error;

	plan->count = 0;
	error = plan_image(place);
	if (error)
		return error;
	if (header->magic != CL_LAUNCH_MAGIC)
		return PLAN_HEADER_MAGIC;
	if (header->version != CL_LAUNCH_VERSION)
		return PLAN_HEADER_VERSION;
	if (header->file_bytes != place->image.end - place->image.start)
		return PLAN_FILE_BYTES;
	if (desc->magic != CL_DESC_MAGIC)
		return PLAN_DESC_MAGIC;
	if (desc->version != CL_LAUNCH_VERSION)
		return PLAN_DESC_VERSION;
	error = check_machine(desc, place, ram, &pieces);
	if (error)
		return error;
	error = check_segs(desc, place, ram, pieces);
	if (error)
		return error;
	order_moves(plan, desc, place->image.start + PLAN_HEAD_BYTES);
	return PLAN_OK;
}

const char *plan_reason(enum plan_error error)
{
	switch (error) {
	case PLAN_OK:
		return "no error";
	case PLAN_SHORT:
		return "the launch image is too short to hold header, descriptor and contents";
	case PLAN_IMAGE_PLACE:
		return "the launch image overlaps the loader or lies above 4 GiB";
	case PLAN_HEADER_MAGIC:
		return "not a launch image (bad magic in the header)";
	case PLAN_HEADER_VERSION:
		return "the launch image's header has a version that this loader does not know";
	case PLAN_FILE_BYTES:
		return "the launch image is cut short or longer than its header says";
	case PLAN_DESC_MAGIC:
		return "bad magic in the launch descriptor";
	case PLAN_DESC_VERSION:
		return "the launch descriptor has a version that this loader does not know";
	case PLAN_MEMORY:
		return "memory size in the launch descriptor is out of range or not whole 2 MiB";
	case PLAN_MACHINE:
		return "this guest has less RAM than the launch descriptor says (or no memory map)";
	case PLAN_SEG_COUNT:
		return "number of segments is out of range";
	case PLAN_SEG_ALIGN:
		return "a segment is not page aligned";
	case PLAN_SEG_SIZE:
		return "a segment is empty or larger than the launch image";
	case PLAN_SEG_ORDER:
		return "segments overlap or do not ascend";
	case PLAN_SEG_RAM:
		return "a segment lies outside the guest's RAM";
	case PLAN_SEG_TABLES:
		return "a segment overlaps the boot page tables";
	case PLAN_SEG_LOADER:
		return "a segment overlaps the loader";
	case PLAN_CONTENT:
		return "the launch image holds more than its segments";
	case PLAN_ENTRY:
		return "the entry point lies in no segment";
	}
	return "unknown error";
}
