// SPDX-License-Identifier: Apache-2.0
// The loader's plan: moves that overlap in every way come out right; hostile images are refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "plan.h"

#define MIB    (1ull << 20)
#define MEMORY (64 * MIB)
#define LOADER ((struct plan_range){0x100000, 0x150000})

static struct cl_launch_header header;
static struct cl_launch_desc desc;
static struct plan_place place;
static struct plan plan;

// A good image of two segments; every refusal test spoils one thing.
static int good(void **state)
{
	memset(&header, 0, sizeof(header));
	memset(&desc, 0, sizeof(desc));
	memset(&place, 0, sizeof(place));
	memset(&plan, 0xff, sizeof(plan));
	header.magic = CL_LAUNCH_MAGIC;
	header.version = CL_LAUNCH_VERSION;
	header.file_bytes = 2 * 4096 + 3 * 4096;
	desc.magic = CL_DESC_MAGIC;
	desc.version = CL_LAUNCH_VERSION;
	desc.vcpus = 1;
	desc.memory_bytes = MEMORY;
	desc.nr_segs = 2;
	desc.seg[0] = (struct cl_launch_seg){0x10000, 4096};
	desc.seg[1] = (struct cl_launch_seg){16 * MIB, 8192};
	desc.entry_rip = 16 * MIB + 0x200;
	place.loader = LOADER;
	place.image = (struct plan_range){LOADER.end, LOADER.end + header.file_bytes};
	place.map_count = 3;
	place.map[0] = (struct plan_range){MIB, MEMORY - MIB};
	place.map[1] = (struct plan_range){0, 0xa0000};
	place.map[2] = (struct plan_range){MEMORY - MIB, MEMORY};
	return 0;
}

static enum plan_error make(void)
{
	enum plan_error error = plan_make(&plan, &header, &desc, &place);
	if (error)
		assert_int_equal(plan.count, 0);
	assert_non_null(plan_reason(error));
	return error;
}

static void accepts_good(void **state)
{
	assert_int_equal(make(), PLAN_OK);
	assert_int_equal(plan.count, 2);
	assert_int_equal(plan.move[0].to, 0x10000);
	assert_int_equal(plan.move[0].from, LOADER.end + 8192);
	assert_int_equal(plan.move[1].to, 16 * MIB);
	assert_int_equal(plan.move[1].from, LOADER.end + 3 * 4096);
}

static void accepts_high_memory(void **state)
{
	desc.memory_bytes = 4096 * MIB;
	desc.seg[1].gpa = CL_ZONE_HIGH_RAM + 2048 * MIB - 8192;
	desc.entry_rip = desc.seg[1].gpa;
	place.map[2] = (struct plan_range){MEMORY - MIB, CL_ZONE_LOW_RAM_END};
	place.map[3] = (struct plan_range){CL_ZONE_HIGH_RAM, CL_ZONE_HIGH_RAM + 2048 * MIB};
	place.map_count = 4;
	assert_int_equal(make(), PLAN_OK);
	desc.seg[1].gpa += 4096;
	desc.entry_rip = desc.seg[1].gpa;
	assert_int_equal(make(), PLAN_SEG_RAM);
	desc.seg[1].gpa = CL_ZONE_LOW_RAM_END - 4096; // half in RAM
	desc.entry_rip = desc.seg[1].gpa;
	assert_int_equal(make(), PLAN_SEG_RAM);
}

static void refuses_bad_image(void **state)
{
	place.image.end = place.image.start + 2 * 4096;
	assert_int_equal(make(), PLAN_SHORT);
	place.image.end = place.image.start - 1;
	assert_int_equal(make(), PLAN_SHORT);
	good(state);
	place.image = (struct plan_range){LOADER.end - 1, LOADER.end + header.file_bytes - 1};
	assert_int_equal(make(), PLAN_IMAGE_PLACE);
	place.image = (struct plan_range){0xfffff000, 0xfffff000 + header.file_bytes};
	assert_int_equal(make(), PLAN_IMAGE_PLACE);
}

static void refuses_bad_header(void **state)
{
	header.magic ^= 1;
	assert_int_equal(make(), PLAN_HEADER_MAGIC);
	good(state);
	header.version++;
	assert_int_equal(make(), PLAN_HEADER_VERSION);
	good(state);
	header.file_bytes += 4096;
	assert_int_equal(make(), PLAN_FILE_BYTES);
	good(state);
	place.image.end -= 1;
	assert_int_equal(make(), PLAN_FILE_BYTES);
}

static void refuses_bad_desc(void **state)
{
	desc.magic = CL_LAUNCH_MAGIC;
	assert_int_equal(make(), PLAN_DESC_MAGIC);
	good(state);
	desc.version = 0;
	assert_int_equal(make(), PLAN_DESC_VERSION);
	good(state);
	desc.nr_segs = 0;
	assert_int_equal(make(), PLAN_SEG_COUNT);
	desc.nr_segs = CL_LAUNCH_SEGS_MAX + 1;
	assert_int_equal(make(), PLAN_SEG_COUNT);
	desc.nr_segs = UINT32_MAX;
	assert_int_equal(make(), PLAN_SEG_COUNT);
	good(state);
	desc.entry_rip = 16 * MIB + 8192;
	assert_int_equal(make(), PLAN_ENTRY);
}

static void refuses_bad_memory(void **state)
{
	const uint64_t sizes[] = {
		0,
		CL_ZONE_MEMORY_MIN - 2 * MIB,
		CL_ZONE_MEMORY_MAX + 2 * MIB,
		MEMORY + 4096,
		UINT64_MAX,
	};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		desc.memory_bytes = sizes[i];
		assert_int_equal(make(), PLAN_MEMORY);
	}
	desc.memory_bytes = MEMORY + 2 * MIB; // more than the machine has
	assert_int_equal(make(), PLAN_MACHINE);
	good(state);
	place.map[2].start += 4096; // a gap
	assert_int_equal(make(), PLAN_MACHINE);
	place.map_count = 0;
	assert_int_equal(make(), PLAN_MACHINE);
	place.map_count = PLAN_MAP_MAX + 1;
	assert_int_equal(make(), PLAN_MACHINE);
}

static void refuses_bad_segment(void **state)
{
	desc.seg[0].gpa += 1;
	assert_int_equal(make(), PLAN_SEG_ALIGN);
	good(state);
	desc.seg[0].size = 4095;
	assert_int_equal(make(), PLAN_SEG_ALIGN);
	good(state);
	desc.seg[0].size = 0;
	assert_int_equal(make(), PLAN_SEG_SIZE);
	desc.seg[0].size = UINT64_MAX - 4095;
	assert_int_equal(make(), PLAN_SEG_SIZE);
	good(state);
	desc.seg[1].size = 3 * 4096; // more than the image holds
	assert_int_equal(make(), PLAN_SEG_SIZE);
	desc.seg[1].size = 4096; // less
	assert_int_equal(make(), PLAN_CONTENT);
	good(state);
	desc.seg[1].gpa = desc.seg[0].gpa;
	assert_int_equal(make(), PLAN_SEG_ORDER);
	desc.seg[1].gpa = 0;
	assert_int_equal(make(), PLAN_SEG_ORDER);
}

static void refuses_bad_place(void **state)
{
	desc.seg[1].gpa = UINT64_MAX - 4095; // wraps
	assert_int_equal(make(), PLAN_SEG_RAM);
	desc.seg[1].gpa = UINT64_MAX - 8191; // ends at 2^64
	assert_int_equal(make(), PLAN_SEG_RAM);
	desc.seg[1].gpa = MEMORY - 4096;
	assert_int_equal(make(), PLAN_SEG_RAM);
	desc.seg[1].gpa = CL_ZONE_HOLE_START - 4096;
	assert_int_equal(make(), PLAN_SEG_RAM);
	desc.seg[1].gpa = CL_ZONE_HOLE_START;
	assert_int_equal(make(), PLAN_SEG_RAM);
	desc.seg[1].gpa = CL_ZONE_HIGH_RAM;
	assert_int_equal(make(), PLAN_SEG_RAM);
	good(state);
	desc.seg[0].gpa = CL_ZONE_BOOT_TABLES;
	assert_int_equal(make(), PLAN_SEG_TABLES);
	desc.seg[0].gpa = CL_ZONE_BOOT_TABLES + 6 * 4096;
	assert_int_equal(make(), PLAN_SEG_TABLES);
	desc.seg[0].gpa = CL_ZONE_BOOT_TABLES + 7 * 4096;
	assert_int_equal(make(), PLAN_OK);
	desc.seg[1].gpa = LOADER.end - 4096;
	assert_int_equal(make(), PLAN_SEG_LOADER);
	desc.seg[1].gpa = LOADER.start - 4096;
	assert_int_equal(make(), PLAN_SEG_RAM); // 0xff000 is in the hole
	desc.seg[1].gpa = LOADER.end;
	desc.entry_rip = LOADER.end;
	assert_int_equal(make(), PLAN_OK);
}

// Play the moves on an array that stands for RAM, with segments strewn around the image so that
// sources and destinations overlap in every way; each byte must arrive.
static void moves_keep_contents(void **state)
{
	uint8_t *ram = calloc(1, MEMORY);
	uint8_t *contents = malloc(4 * MIB);
	unsigned accepted = 0;

	assert_non_null(ram);
	assert_non_null(contents);
	srand(1);
	for (unsigned round = 0; round < 150; round++) {
		uint64_t total = 0, gpa = LOADER.end;
		good(state);
		desc.nr_segs = 1 + (uint32_t)rand() % CL_LAUNCH_SEGS_MAX;
		for (uint32_t i = 0; i < desc.nr_segs; i++) {
			gpa += 4096ull * ((uint64_t)rand() % 8 ? (uint64_t)rand() % 40 : 0);
			desc.seg[i] =
				(struct cl_launch_seg){gpa, 4096ull * (1 + (uint64_t)rand() % 24)};
			gpa += desc.seg[i].size;
			total += desc.seg[i].size;
		}
		desc.entry_rip = desc.seg[0].gpa;
		header.file_bytes = total + 8192;
		// Anywhere from right behind the loader to behind most destinations.
		place.image.start = LOADER.end + 4096ull * ((uint64_t)rand() % 700);
		place.image.end = place.image.start + header.file_bytes;
		for (uint64_t i = 0; i < total; i++)
			contents[i] = (uint8_t)(rand() >> 8);
		memcpy(ram + place.image.start + 8192, contents, total);

		assert_int_equal(make(), PLAN_OK);
		assert_int_equal(plan.count, desc.nr_segs);
		for (uint32_t i = 0; i < plan.count; i++)
			memmove(ram + plan.move[i].to, ram + plan.move[i].from, plan.move[i].bytes);
		uint64_t at = 0;
		for (uint32_t i = 0; i < desc.nr_segs; i++) {
			assert_memory_equal(ram + desc.seg[i].gpa, contents + at, desc.seg[i].size);
			at += desc.seg[i].size;
		}
		accepted++;
	}
	assert_int_equal(accepted, 150);
	free(ram);
	free(contents);
}

// Random descriptors: whatever is accepted keeps every promise of the plan.
static void hostile_descriptors(void **state)
{
	srand(2);
	for (unsigned round = 0; round < 50000; round++) {
		good(state);
		for (unsigned n = 1 + (unsigned)rand() % 4; n > 0; n--) {
			uint8_t *bytes = (uint8_t *)&desc;
			size_t span = 56 + 16 * 4;
			bytes[(size_t)rand() % span] = (uint8_t)rand();
		}
		if (make() != PLAN_OK)
			continue;
		uint64_t sum = 0;
		for (uint32_t i = 0; i < plan.count; i++) {
			uint64_t end = plan.move[i].to + plan.move[i].bytes;
			assert_true(end > plan.move[i].to && end <= desc.memory_bytes);
			assert_true(end <= LOADER.start || plan.move[i].to >= LOADER.end);
			assert_true(plan.move[i].from >= place.image.start + 8192);
			assert_true(plan.move[i].from + plan.move[i].bytes <= place.image.end);
			sum += plan.move[i].bytes;
		}
		assert_int_equal(sum + 8192, header.file_bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(accepts_good, good),
		cmocka_unit_test_setup(accepts_high_memory, good),
		cmocka_unit_test_setup(refuses_bad_image, good),
		cmocka_unit_test_setup(refuses_bad_header, good),
		cmocka_unit_test_setup(refuses_bad_desc, good),
		cmocka_unit_test_setup(refuses_bad_memory, good),
		cmocka_unit_test_setup(refuses_bad_segment, good),
		cmocka_unit_test_setup(refuses_bad_place, good),
		cmocka_unit_test_setup(moves_keep_contents, good),
		cmocka_unit_test_setup(hostile_descriptors, good),
	};
	return cmocka_run_group_tests_name("zone_plan", tests, NULL, NULL);
}
