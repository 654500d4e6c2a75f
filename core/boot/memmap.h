/* SPDX-License-Identifier: Apache-2.0 */
/* Memory maps as firmware gives them (E820), and finding room in them. */
#ifndef CORE_BOOT_MEMMAP_H
#define CORE_BOOT_MEMMAP_H

#include "lib/types.h"

#define MEMMAP_MAX   128u

#define MEM_RAM	     1u
#define MEM_RESERVED 2u
#define MEM_ACPI     3u

struct mem_range {
	uint64_t base, size;
	uint32_t type; /* E820 */
};

struct memmap {
	struct mem_range range[MEMMAP_MAX];
	unsigned int nr;
};

/*
 * Add a range; the map is whole again after memmap_sanitise. Empty ranges are dropped, what lies
 * beyond the CPU's 52 address bits is cut off. -CL_ENOSPC when full.
 */
int memmap_add(struct memmap *map, uint64_t base, uint64_t size, uint32_t type);

/*
 * Sort, and resolve overlaps: where ranges overlap the higher type wins, since RAM has the
 * lowest. Neighbours of one type become one. -CL_ENOSPC if the result has too many ranges.
 */
int memmap_sanitise(struct memmap *map);

/* Take [base, base + size) out of RAM: add it as reserved, sanitise. */
int memmap_reserve(struct memmap *map, uint64_t base, uint64_t size);

/* The functions below want a sanitised map. */

/* Is all of [base, base + size) RAM? An empty or wrapping range is not. */
bool memmap_is_ram(const struct memmap *map, uint64_t base, uint64_t size);

/* The highest aligned place for size bytes of RAM within [low, high); 0 if there is none. */
uint64_t memmap_find(const struct memmap *map, uint64_t size, uint64_t align, uint64_t low,
		     uint64_t high);

uint64_t memmap_ram_bytes(const struct memmap *map);
uint64_t memmap_ram_top(const struct memmap *map); /* end of the highest RAM */

#endif
