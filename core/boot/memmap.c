// SPDX-License-Identifier: Apache-2.0
/* Memory map arithmetic; see memmap.h. */
#include "boot/memmap.h"

#define PHYS_END BIT64(52)

static uint64_t range_end(const struct mem_range *r)
{
	return r->base + r->size;
}

int memmap_add(struct memmap *map, uint64_t base, uint64_t size, uint32_t type)
{
	if (!size || base >= PHYS_END)
		return 0;
	if (size > PHYS_END - base)
		size = PHYS_END - base;
	if (map->nr == MEMMAP_MAX)
		return -CL_ENOSPC;
	map->range[map->nr++] = (struct mem_range){base, size, type};
	return 0;
}

/* The type that holds at `at`, 0 for none; *next = the first address where that may change. */
static uint32_t type_at(const struct memmap *map, uint64_t at, uint64_t *next)
{
	uint32_t type = 0;

	*next = PHYS_END;
	for (unsigned int i = 0; i < map->nr; i++) {
		const struct mem_range *r = &map->range[i];

		if (r->base > at && r->base < *next)
			*next = r->base;
		if (r->base > at || range_end(r) <= at)
			continue;
		if (range_end(r) < *next)
			*next = range_end(r);
		/* Type 0 means nothing in E820; somebody claims the range, so it is no RAM. */
		uint32_t t = r->type ? r->type : MEM_RESERVED;

		if (t > type)
			type = t;
	}
	return type;
}

int memmap_sanitise(struct memmap *map)
{
	struct memmap out = {.nr = 0};

	for (uint64_t at = 0, next; at < PHYS_END; at = next) {
		uint32_t type = type_at(map, at, &next);
		struct mem_range *last = out.nr ? &out.range[out.nr - 1] : NULL;

		if (!type)
			continue;
		if (last && last->type == type && range_end(last) == at)
			last->size += next - at;
		else if (memmap_add(&out, at, next - at, type))
			return -CL_ENOSPC;
	}
	*map = out;
	return 0;
}

int memmap_reserve(struct memmap *map, uint64_t base, uint64_t size)
{
	int err = memmap_add(map, base, size, MEM_RESERVED);

	return err ? err : memmap_sanitise(map);
}

bool memmap_is_ram(const struct memmap *map, uint64_t base, uint64_t size)
{
	if (!size || base + size < base)
		return false;
	for (unsigned int i = 0; i < map->nr; i++) {
		const struct mem_range *r = &map->range[i];

		if (r->type == MEM_RAM && base >= r->base && base + size <= range_end(r))
			return true;
	}
	return false;
}

uint64_t memmap_find(const struct memmap *map, uint64_t size, uint64_t align, uint64_t low,
		     uint64_t high)
{
	for (unsigned int i = map->nr; i-- > 0;) {
		const struct mem_range *r = &map->range[i];
		uint64_t start = r->base > low ? r->base : low;
		uint64_t end = range_end(r) < high ? range_end(r) : high;

		if (r->type != MEM_RAM || end < start || end - start < size)
			continue;

		uint64_t at = ALIGN_DOWN(end - size, align);

		if (at >= start)
			return at;
	}
	return 0;
}

uint64_t memmap_ram_bytes(const struct memmap *map)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < map->nr; i++)
		if (map->range[i].type == MEM_RAM)
			sum += map->range[i].size;
	return sum;
}

uint64_t memmap_ram_top(const struct memmap *map)
{
	for (unsigned int i = map->nr; i-- > 0;)
		if (map->range[i].type == MEM_RAM)
			return range_end(&map->range[i]);
	return 0;
}
