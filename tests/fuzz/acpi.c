// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for the firmware's ACPI tables: acpi_table() and acpi_cpus() from a root pointer
 * on. The input is memory: root table at its start, others where pointers lead; these are bent so
 * that they lead into it, and sums are mended if the first byte says so. The CPUs are counted here
 * a second time, by the table's own end.
 */
#include <sys/mman.h>

#include "boot/acpi.h"
#include "fuzz.h"

#define AT	 0x30000000ull
#define SIZE	 0x1000u
#define CPUS_MAX 8u
#define HEADER	 36u
#define ROOT_MAX 200u	   /* few entries, or it spends its time on sums */
#define BEHIND	 0x101000u /* the longest table that the Core believes */

static uint8_t *memory(void)
{
	return (uint8_t *)(uintptr_t)AT;
}

static uint32_t get32(uint32_t at)
{
	uint32_t v;

	memcpy(&v, memory() + at, sizeof(v));
	return v;
}

/* A table at this offset: of no more than is there, and maybe its sum right. */
static void mend(uint32_t at, bool sums)
{
	uint32_t length;
	uint8_t sum = 0;

	if (at + HEADER > SIZE)
		return;
	/* Tables lie in the firmware's memory as a whole. */
	length = get32(at + 4) % (at ? SIZE - at + 1 : ROOT_MAX);
	memcpy(memory() + at + 4, &length, sizeof(length));
	if (!sums)
		return;
	memory()[at + 9] = 0;
	for (uint32_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + memory()[at + i]);
	memory()[at + 9] = (uint8_t)-sum;
}

static void make_rsdp(uint8_t *rsdp, bool wide)
{
	uint64_t root = AT;

	memset(rsdp, 0, RSDP_SIZE_MAX);
	rsdp[15] = wide ? 2 : 0;
	memcpy(rsdp + (wide ? 24 : 16), &root, wide ? 8 : 4);
}

/* The highest table must have its header in memory: where it starts is kept clear of the end. */
static void bend_pointers(bool wide, uint64_t keep)
{
	uint32_t length = get32(4) % (SIZE + 1), size = wide ? 8 : 4;

	for (uint32_t at = HEADER, n = 0; at + size <= length; at += size, n++) {
		uint64_t pointer = 0;

		memcpy(&pointer, memory() + at, size);
		/* Beyond 4 GiB the Core does not look. */
		bool inside = pointer >= AT && pointer < AT + SIZE - HEADER;

		if (pointer && !inside && !(keep >> n % 64 & 1 && pointer > UINT32_MAX))
			pointer = AT + pointer % (SIZE - HEADER);
		memcpy(memory() + at, &pointer, size);
	}
}

static unsigned count_cpus(const uint8_t *madt, uint32_t length)
{
	const uint8_t *e = madt + 44, *end = madt + length;
	unsigned n = 0;

	while (end - e >= 2 && e[1] >= 2 && e[1] <= end - e) {
		if (e[0] == 0 && e[1] >= 8)
			n += e[4] & 1;
		if (e[0] == 9 && e[1] >= 16)
			n += e[8] & 1;
		e += e[1];
	}
	return n < CPUS_MAX ? n : CPUS_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool mapped;
	static uint8_t rsdp[RSDP_SIZE_MAX];
	struct input in = {data, size};
	uint64_t how = take(&in, 1), keep = take(&in, 1);
	bool wide = how & 1;
	uint32_t *id = malloc(CPUS_MAX * sizeof(*id)), length = 0;
	const uint8_t *table;

	if (!mapped)
		require(mmap(memory(), SIZE + BEHIND, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == memory());
	mapped = true;
	require(id);
	take_bytes(&in, memory(), SIZE);
	mend(0, true);
	bend_pointers(wide, keep);
	for (uint32_t at = HEADER; at < HEADER + 64 && at + 8 <= get32(4); at += wide ? 8 : 4)
		mend((uint32_t)((get32(at) - AT) % SIZE), how & 2);
	/* Mending one table may have bent another, the root as well. */
	mend(0, true);
	bend_pointers(wide, keep);
	mend(0, true);
	make_rsdp(rsdp, wide);
	unsigned n = acpi_cpus((uintptr_t)rsdp, id, CPUS_MAX);

	require(n <= CPUS_MAX);
	table = acpi_table((uintptr_t)rsdp, "APIC", &length);
	require(n == (table ? count_cpus(table, length) : 0));
	if (table) {
		uint8_t sum = 0;

		require(table >= memory() && length >= HEADER &&
			table + length <= memory() + SIZE + BEHIND);
		for (uint32_t i = 0; i < length; i++)
			sum = (uint8_t)(sum + table[i]);
		require(!sum && !memcmp(table, "APIC", 4));
	}
	/* A root pointer of any bytes, with any room. */
	uint8_t *copy = exact_copy(data, size);

	require(rsdp_check(copy, size) <= size);
	free(copy);
	free(id);
	return 0;
}
