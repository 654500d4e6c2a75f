// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for memory maps (E820). The oracle keeps one type for each of 4096 units; a unit
 * is 1 byte, 4 KiB or 1 TiB, so that both ends of the address space are met.
 */
#include "boot/memmap.h"
#include "fuzz.h"

#define UNITS 4096u

static struct memmap map;
static uint8_t type_of[UNITS];

static void check_map(uint64_t unit)
{
	uint8_t seen[UNITS] = {0};

	require(map.nr <= MEMMAP_MAX);
	for (unsigned i = 0; i < map.nr; i++) {
		const struct mem_range *r = &map.range[i];

		require(r->size && r->base % unit == 0 && r->size % unit == 0);
		require(r->base < BIT64(52) && r->size <= BIT64(52) - r->base);
		if (i) {
			const struct mem_range *before = &map.range[i - 1];

			require(before->base + before->size <= r->base);
			require(before->base + before->size < r->base || before->type != r->type);
		}
		for (uint64_t u = 0; u < r->size / unit; u++) {
			require(r->base / unit + u < UNITS);
			seen[r->base / unit + u] = (uint8_t)r->type;
		}
	}
	require(!memcmp(seen, type_of, UNITS));
}

static bool is_ram(uint64_t first, uint64_t count)
{
	for (uint64_t u = first; u < first + count; u++)
		if (u >= UNITS || type_of[u] != MEM_RAM)
			return false;
	return count;
}

static void add(struct memmap *m, uint64_t unit, uint64_t first, uint64_t count, uint32_t type)
{
	uint64_t base = first * unit, room = BIT64(52) / unit - first;

	if (memmap_add(m, base, count * unit, type)) {
		require(m->nr == MEMMAP_MAX);
		return;
	}
	for (uint64_t u = first; u < first + (count < room ? count : room) && u < UNITS; u++) {
		uint8_t t = type ? (uint8_t)type : MEM_RESERVED;

		type_of[u] = t > type_of[u] ? t : type_of[u];
	}
}

static void find(struct input *in, uint64_t unit)
{
	uint64_t size = (1 + take(in, 1)) * unit, align = unit << take(in, 1) % 12;
	uint64_t low = take(in, 2) % UNITS, high = take(in, 2) % (UNITS + 1);
	uint64_t at = memmap_find(&map, size, align, low * unit, high * unit);

	if (at) {
		require(at % align == 0 && at >= low * unit && at + size <= high * unit);
		require(is_ram(at / unit, size / unit));
		require(memmap_is_ram(&map, at, size));
	}
	/* None higher would have done. */
	for (uint64_t u = at / unit + 1; u + size / unit <= high; u++)
		if (u >= low && u * unit % align == 0)
			require(!is_ram(u, size / unit));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t units[] = {1, PAGE_SIZE, BIT64(40)};
	struct input in = {data, size};
	uint64_t unit = units[take(&in, 1) % 3];
	unsigned ranges = take(&in, 1) & 127;

	memset(&map, 0, sizeof(map));
	memset(type_of, 0, sizeof(type_of));
	for (unsigned i = 0; i < ranges && in.left; i++) {
		uint64_t first = take(&in, 2) % UNITS, count = take(&in, 2) % (UNITS - first);

		add(&map, unit, first, count, (uint32_t)take(&in, 1));
	}
	if (memmap_sanitise(&map))
		return 0;
	check_map(unit);
	while (in.left) {
		uint64_t first = take(&in, 2) % UNITS, count = take(&in, 2) % (UNITS - first);
		struct memmap before = map;

		find(&in, unit);
		require(memmap_is_ram(&map, first * unit, count * unit) == is_ram(first, count));
		if (memmap_reserve(&map, first * unit, count * unit)) {
			map = before;
			continue;
		}
		for (uint64_t u = first; u < first + count; u++)
			type_of[u] = type_of[u] > MEM_RESERVED ? type_of[u] : MEM_RESERVED;
		check_map(unit);
	}
	uint64_t ram = 0, top = 0;

	for (uint64_t u = 0; u < UNITS; u++) {
		ram += type_of[u] == MEM_RAM ? unit : 0;
		top = type_of[u] == MEM_RAM ? (u + 1) * unit : top;
	}
	require(memmap_ram_bytes(&map) == ram && memmap_ram_top(&map) == top);
	return 0;
}
