// SPDX-License-Identifier: Apache-2.0
// The firmware's event log: which page it is found in, and where it ends.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "boot/boot_log.h"

#define PAGES	   64u
#define PER_EVENT  (12u + 2 + 20 + 2 + 32 + 4 + 16)
#define BOOT_DATA  4u
#define LOADER	   2u
#define DESCRIPTOR 48u /* as OVMF has it: longer than what the specification names */

static uint8_t *memory, *at;
static uint8_t map[8 * DESCRIPTOR];
static struct loader_info loader;

static void put(uint32_t v, unsigned bytes)
{
	memcpy(at, &v, bytes);
	at += bytes;
}

static void put_bytes(uint8_t value, size_t n)
{
	memset(at, value, n);
	at += n;
}

static void first_event(unsigned page)
{
	at = memory + page * PAGE_SIZE;
	put(0, 4);
	put(3, 4);
	put_bytes(0, 20);
	put(37, 4);
	memcpy(at, "Spec ID Event03", 16);
	at += 16;
	put(0, 4);
	put(0x02000200, 4);
	put(2, 4);
	put(4 | 20 << 16, 4);
	put(0xb | 32 << 16, 4);
	put(0, 1);
}

static void event(uint32_t pcr)
{
	put(pcr, 4);
	put(8, 4);
	put(2, 4);
	put(4, 2);
	put_bytes(0x11, 20);
	put(0xb, 2);
	put_bytes(0x22, 32);
	put(16, 4);
	put_bytes(0x33, 16);
}

static void describe(unsigned i, uint32_t type, uint64_t start, uint64_t pages)
{
	uint8_t *d = map + i * DESCRIPTOR;

	memcpy(d, &type, 4);
	memcpy(d + 8, &start, 8);
	memcpy(d + 24, &pages, 8);
	loader.efi_map_bytes = (i + 1) * DESCRIPTOR;
}

static uint64_t page(unsigned n)
{
	return (uintptr_t)memory + n * PAGE_SIZE;
}

static int setup_all(void **state)
{
	memory = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	return memory == MAP_FAILED;
}

static int setup(void **state)
{
	memset(memory, 0xff, PAGES * PAGE_SIZE);
	memset(map, 0, sizeof(map));
	memset(boot_log, 0xaa, sizeof(boot_log));
	boot_log_size = 0;
	loader = (struct loader_info){.efi_map = map, .efi_map_entry = DESCRIPTOR};
	return 0;
}

static void found(void **state)
{
	first_event(5);
	event(0);
	event(7);
	uint32_t size = (uint32_t)(at - memory) - 5 * (uint32_t)PAGE_SIZE;

	describe(0, LOADER, page(0), 3);
	describe(1, BOOT_DATA, SIZE_4G - PAGE_SIZE, ~0ull / 2); /* not below 4 GiB */
	describe(2, BOOT_DATA, 1ull << 40, 1);
	describe(3, BOOT_DATA, page(3) + 8, 1); /* no page */
	describe(4, BOOT_DATA, page(3), 8);
	boot_log_find(&loader);
	assert_int_equal(size, 69 + 2 * PER_EVENT);
	assert_int_equal(boot_log_size, size);
	assert_memory_equal(boot_log, memory + 5 * PAGE_SIZE, size);
	for (size_t i = size; i < sizeof(boot_log); i++)
		assert_int_equal(boot_log[i], 0);
}

// OVMF's choice, from the second boot on.
static void found_in_acpi_memory(void **state)
{
	static const uint32_t types[] = {9, 10};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		setup(NULL);
		first_event(5);
		event(0);
		describe(0, types[i], page(3), 8);
		boot_log_find(&loader);
		assert_int_equal(boot_log_size, 69 + PER_EVENT);
	}
}

static void only_in_such_memory(void **state)
{
	first_event(5);
	event(0);
	describe(0, LOADER, page(0), PAGES);
	describe(1, BOOT_DATA, page(0), 5); /* up to just before it */
	describe(2, BOOT_DATA, page(6), 8);
	boot_log_find(&loader);
	assert_int_equal(boot_log_size, 0);
	/* and only at the start of a page */
	memmove(memory + 5 * PAGE_SIZE + 8, memory + 5 * PAGE_SIZE, 2048);
	memset(memory + 5 * PAGE_SIZE, 0, 8);
	describe(3, BOOT_DATA, page(0), PAGES);
	boot_log_find(&loader);
	assert_int_equal(boot_log_size, 0);
}

static void no_map(void **state)
{
	first_event(5);
	boot_log_find(&loader);
	describe(0, BOOT_DATA, page(0), PAGES);
	loader.efi_map_entry = 39; /* shorter than a descriptor */
	boot_log_find(&loader);
	loader.efi_map_entry = 0;
	boot_log_find(&loader);
	loader.efi_map_entry = DESCRIPTOR;
	loader.efi_map_bytes = 39;
	boot_log_find(&loader);
	assert_int_equal(boot_log_size, 0);
}

/* Longer than what is kept: whole events, as many as fit. */
static void too_long(void **state)
{
	first_event(1);
	while (at + PER_EVENT <= memory + 40 * PAGE_SIZE)
		event(9);
	describe(0, BOOT_DATA, page(0), PAGES);
	boot_log_find(&loader);
	assert_int_equal(boot_log_size, 69 + (CL_BOOT_LOG_MAX - 69) / PER_EVENT * PER_EVENT);
}

static void ends_at_what_is_no_event(void **state)
{
	first_event(0);
	event(23);
	uint32_t size = (uint32_t)(at - memory);

	event(24); /* no such PCR */
	assert_int_equal(tcg_log_size(memory, 65536), size);
	for (uint32_t n = 0; n < 69; n++)
		assert_int_equal(tcg_log_size(memory, n), 0);
	for (uint32_t n = 69; n < size; n++)
		assert_int_equal(tcg_log_size(memory, n), 69);
	memory[69 + 8] = 1; /* one digest where the header says two */
	assert_int_equal(tcg_log_size(memory, 65536), 69);
	memory[69 + 8] = 2;
	memory[69 + 12] = 0xd; /* of an algorithm that it does not name */
	assert_int_equal(tcg_log_size(memory, 65536), 69);
	memory[8] = 1; /* the first event has no digest */
	assert_int_equal(tcg_log_size(memory, 65536), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(found, setup),
		cmocka_unit_test_setup(found_in_acpi_memory, setup),
		cmocka_unit_test_setup(only_in_such_memory, setup),
		cmocka_unit_test_setup(no_map, setup),
		cmocka_unit_test_setup(too_long, setup),
		cmocka_unit_test_setup(ends_at_what_is_no_event, setup),
	};

	return cmocka_run_group_tests(tests, setup_all, NULL);
}
