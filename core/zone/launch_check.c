// SPDX-License-Identifier: Apache-2.0
#include <cloister/launch.h>
#include "lib/types.h"
#include "zone/launch.h"

static bool all_zero(const uint8_t *bytes, size_t n)
{
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= bytes[i];
	return !any;
}

/* [gpa, gpa + size) is RAM of the zone, outside the hole and the boot tables. */
static bool segment_valid(const struct cl_launch_desc *d, uint64_t gpa, uint64_t size)
{
	uint64_t tables_end = CL_ZONE_BOOT_TABLES + CL_ZONE_BOOT_TABLES_PAGES * PAGE_SIZE;
	uint64_t low =
		d->memory_bytes < CL_ZONE_LOW_RAM_END ? d->memory_bytes : CL_ZONE_LOW_RAM_END;
	uint64_t high_end = CL_ZONE_HIGH_RAM + d->memory_bytes - low, end;

	if (!size || ((gpa | size) & ~PAGE_MASK) || __builtin_add_overflow(gpa, size, &end))
		return false;
	if (gpa < tables_end && end > CL_ZONE_BOOT_TABLES)
		return false;
	if (gpa < CL_ZONE_HOLE_END && end > CL_ZONE_HOLE_START)
		return false;
	return end <= low || (gpa >= CL_ZONE_HIGH_RAM && end <= high_end);
}

int launch_check(const struct cl_launch_desc *d)
{
	uint64_t last_end = 0;
	bool entry_found = false, tsc_found = !d->tsc_khz_gpa;

	if (d->magic != CL_DESC_MAGIC || d->version != CL_LAUNCH_VERSION || d->reserved0)
		return -CL_EINVAL;
	if (!d->vcpus || d->vcpus > CL_ZONE_VCPUS_MAX || (d->policy & ~CL_POLICY_KNOWN))
		return -CL_EINVAL;
	if (d->memory_bytes < CL_ZONE_MEMORY_MIN || d->memory_bytes > CL_ZONE_MEMORY_MAX ||
	    d->memory_bytes & (SIZE_2M - 1))
		return -CL_EINVAL;
	if (!d->nr_segs || d->nr_segs > CL_LAUNCH_SEGS_MAX ||
	    !all_zero(d->reserved1, sizeof(d->reserved1)))
		return -CL_EINVAL;
	for (uint32_t i = 0; i < CL_LAUNCH_SEGS_MAX; i++) {
		uint64_t gpa = d->seg[i].gpa, size = d->seg[i].size;

		if (i >= d->nr_segs) {
			if (gpa || size)
				return -CL_EINVAL;
			continue;
		}
		if (!segment_valid(d, gpa, size) || gpa < last_end)
			return -CL_EINVAL;
		last_end = gpa + size;
		tsc_found |= d->tsc_khz_gpa >= gpa && d->tsc_khz_gpa < last_end &&
			     last_end - d->tsc_khz_gpa >= CL_TSC_KHZ_DIGITS &&
			     (d->tsc_khz_gpa & (PAGE_SIZE - 1)) <= PAGE_SIZE - CL_TSC_KHZ_DIGITS;
		entry_found |= d->entry_rip >= gpa && d->entry_rip < last_end;
	}
	/* The first page tables map the low 4 GiB only. */
	return entry_found && tsc_found && d->entry_rip < SIZE_4G ? 0 : -CL_EINVAL;
}
