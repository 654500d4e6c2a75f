// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for launch_check(): any descriptor. The oracle says page by page what the rules
 * of cloister/launch.h say range by range. What the Core takes, the loader's plan must not be able
 * to make unsafe: that is run as well.
 */
#include <cloister/launch.h>
#include "fuzz.h"
#include "lib/types.h"
#include "loader/plan.h"
#include "zone/launch.h"

/* One page of the zone's RAM that a segment may hold. */
static bool page_allowed(const struct cl_launch_desc *d, uint64_t gpa)
{
	uint64_t tables = CL_ZONE_BOOT_TABLES_PAGES * PAGE_SIZE;

	if (gpa >= CL_ZONE_BOOT_TABLES && gpa < CL_ZONE_BOOT_TABLES + tables)
		return false;
	if (gpa >= CL_ZONE_HOLE_START && gpa < CL_ZONE_HOLE_END)
		return false;
	if (gpa < CL_ZONE_LOW_RAM_END)
		return gpa < d->memory_bytes;
	return gpa >= CL_ZONE_HIGH_RAM &&
	       gpa - CL_ZONE_HIGH_RAM + CL_ZONE_LOW_RAM_END < d->memory_bytes;
}

static void check_accepted(const struct cl_launch_desc *d)
{
	static const uint8_t zeros[sizeof(d->reserved1)];
	bool entry = false, tsc = !d->tsc_khz_gpa;
	uint64_t pages = 0;

	require(d->magic == CL_DESC_MAGIC && d->version == CL_LAUNCH_VERSION);
	require(d->vcpus >= 1 && d->vcpus <= CL_ZONE_VCPUS_MAX && !d->reserved0);
	require(!memcmp(d->reserved1, zeros, sizeof(zeros)) && !(d->policy & ~CL_POLICY_KNOWN));
	require(d->memory_bytes >= CL_ZONE_MEMORY_MIN && d->memory_bytes <= CL_ZONE_MEMORY_MAX &&
		d->memory_bytes % SIZE_2M == 0);
	require(d->nr_segs >= 1 && d->nr_segs <= CL_LAUNCH_SEGS_MAX);
	for (uint32_t i = 0; i < CL_LAUNCH_SEGS_MAX; i++) {
		const struct cl_launch_seg *s = &d->seg[i];

		if (i >= d->nr_segs) {
			require(!s->gpa && !s->size);
			continue;
		}
		require(s->size && s->gpa % PAGE_SIZE == 0 && s->size % PAGE_SIZE == 0);
		/* Ends and a sample of what is between; all of it if it is small. */
		uint64_t count = s->size / PAGE_SIZE, step = count > 512 ? count / 256 : 1;

		for (uint64_t p = 0; p < count; p += step)
			require(page_allowed(d, s->gpa + p * PAGE_SIZE));
		require(page_allowed(d, s->gpa + s->size - PAGE_SIZE));
		require(!(s->gpa < CL_ZONE_HOLE_START && s->gpa + s->size > CL_ZONE_HOLE_START));
		for (uint32_t j = 0; j < i; j++)
			require(d->seg[j].gpa + d->seg[j].size <= s->gpa);
		pages += count;
		entry |= d->entry_rip - s->gpa < s->size;
		/* The digits lie in one page, which is one of the segment's. */
		tsc |= d->tsc_khz_gpa - s->gpa < s->size &&
		       (d->tsc_khz_gpa + CL_TSC_KHZ_DIGITS - 1) / PAGE_SIZE ==
			       d->tsc_khz_gpa / PAGE_SIZE;
	}
	require(entry && tsc && d->entry_rip < SIZE_4G);
	require(pages <= d->memory_bytes / PAGE_SIZE);
}

/* The loader's moves, replayed on a list of pages, lose none and leave the loader alone. */
static void check_plan(const struct cl_launch_desc *d)
{
	struct cl_launch_header header = {.magic = CL_LAUNCH_MAGIC, .version = CL_LAUNCH_VERSION};
	struct plan_place place = {
		.loader = {SIZE_1M, SIZE_1M + 0x40000},
		.map_count = 2,
		.map = {{0, CL_ZONE_LOW_RAM_END}, {CL_ZONE_HIGH_RAM, 80 * SIZE_1G}},
	};
	struct plan plan;
	uint64_t bytes = 2 * PAGE_SIZE;

	for (uint32_t i = 0; i < d->nr_segs && i < CL_LAUNCH_SEGS_MAX; i++)
		bytes += d->seg[i].size;
	place.image = (struct plan_range){16 * SIZE_1M, 16 * SIZE_1M + bytes};
	header.file_bytes = bytes;
	if (plan_make(&plan, &header, d, &place)) {
		require(!plan.count);
		return;
	}
	require(plan.count == d->nr_segs);
	for (uint32_t i = 0; i < plan.count; i++) {
		const struct plan_move *m = &plan.move[i];

		require(m->from >= place.image.start && m->from + m->bytes <= place.image.end);
		require(m->to + m->bytes <= place.loader.start || m->to >= place.loader.end);
		for (uint32_t j = i + 1; j < plan.count; j++) {
			const struct plan_move *later = &plan.move[j];

			require(m->to + m->bytes <= later->from ||
				m->to >= later->from + later->bytes);
		}
	}
}

/* Bytes at the front are numbers of segments and sizes; raw descriptors are found too seldom. */
static void build(struct cl_launch_desc *d, struct input *in)
{
	d->magic = CL_DESC_MAGIC;
	d->version = CL_LAUNCH_VERSION;
	d->vcpus = 1;
	d->memory_bytes = take(in, 2) * SIZE_2M;
	d->nr_segs = (uint32_t)take(in, 1);
	uint64_t at = 0;

	for (uint32_t i = 0; i < d->nr_segs && i < CL_LAUNCH_SEGS_MAX; i++) {
		uint64_t scale = take(in, 1);

		at += take(in, 2) << (scale & 15) << 4;
		if ((scale & 15) == 15) /* back, or far away */
			at = take(in, 1) & 1 ? take(in, 8) & PAGE_MASK : PAGE_SIZE * take(in, 2);
		d->seg[i].gpa = at;
		d->seg[i].size = take(in, 2) << (scale >> 4) << 8;
		if (scale >> 4 == 15)
			d->seg[i].size = PAGE_SIZE * take(in, 2) - at;
		at += d->seg[i].size;
	}
	d->entry_rip = take(in, 5);
	d->tsc_khz_gpa = take(in, 5);
	/* And one word anywhere. */
	uint64_t where = take(in, 2) % (sizeof(*d) / 8), what = take(in, 8);

	memcpy((uint8_t *)d + where * 8, &(uint64_t){((uint64_t *)(void *)d)[where] ^ what}, 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct cl_launch_desc d;

	memset(&d, 0, sizeof(d));
	if (take(&in, 1) & 1)
		take_bytes(&in, &d, sizeof(d));
	else
		build(&d, &in);
	if (!launch_check(&d))
		check_accepted(&d);
	check_plan(&d);
	return 0;
}
