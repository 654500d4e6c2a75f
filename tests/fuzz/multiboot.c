// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for what a boot loader tells: mb1_read() and mb2_read() on any bytes, the ACPI
 * root pointer, and then the Core's own way on: the map is sanitised, the host put in place
 * (payload_load), all in a RAM that lies at its own addresses. Behind the last byte of what the
 * loader gave no page is mapped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "boot/acpi.h"
#include "boot/fatal.h"
#include "boot/image.h"
#include "boot/multiboot.h"
#include "boot/payload.h"
#include "fuzz.h"
#include "lib/log.h"

#define ARENA	   0x20000000ull /* RAM of the machine: 4 MiB */
#define ARENA_SIZE 0x400000ull
#define CORE_AT	   0x20200000ull /* 2 MiB region of the Core */
#define INFO_AT	   0x30000000ull /* the loader's words, before a hole */
#define INFO_SIZE  0x10000ull

const uint8_t core_image_start[1], core_image_end[1];

static jmp_buf fatal;
static struct loader_info li;
static struct boot_info bi;

void boot_fatal(const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	longjmp(fatal, 1);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[8192];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
}

static void map(uint64_t at, uint64_t size)
{
	void *memory = mmap((void *)(uintptr_t)at, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	require(memory == (void *)(uintptr_t)at);
}

static void check_info(void)
{
	require(strnlen(li.cmdline, sizeof(li.cmdline)) < sizeof(li.cmdline));
	require(li.nr_modules <= LOADER_MODULES_MAX && li.map.nr <= MEMMAP_MAX);
	for (unsigned i = 0; i < li.nr_modules; i++) {
		const struct loader_module *m = &li.module[i];

		require(m->size && m->base + m->size <= SIZE_4G);
		require(strnlen(m->string, sizeof(m->string)) < sizeof(m->string));
	}
	uint32_t n = rsdp_check(li.rsdp, sizeof(li.rsdp));

	require(n <= sizeof(li.rsdp));
}

/* A firmware's map is to be believed; here RAM is what there is. */
static bool believable_map(void)
{
	if (memmap_add(&li.map, 0, ARENA, MEM_RESERVED) ||
	    memmap_add(&li.map, ARENA + ARENA_SIZE, BIT64(52), MEM_RESERVED))
		return false;
	return !memmap_sanitise(&li.map);
}

static void load_host(void)
{
	if (!believable_map() || !memmap_is_ram(&li.map, CORE_AT, SIZE_2M))
		return;
	memset(&bi, 0, sizeof(bi));
	memcpy(bi.map, li.map.range, sizeof(bi.map));
	bi.nr_map = li.map.nr;
	bi.core_base = CORE_AT;
	bi.core_size = SIZE_2M;
	if (rsdp_check(li.rsdp, sizeof(li.rsdp)))
		bi.rsdp = (uintptr_t)li.rsdp;
	memset((void *)(uintptr_t)CORE_AT, 0xcc, SIZE_2M);
	if (setjmp(fatal))
		return;
	payload_load(&bi, &li);
	/* Nothing of the host lies in Core memory, and nothing of it was written. */
	require(bi.host.eip < CORE_AT || bi.host.eip >= CORE_AT + SIZE_2M);
	for (const uint8_t *p = (const uint8_t *)(uintptr_t)CORE_AT;
	     p < (const uint8_t *)(uintptr_t)(CORE_AT + SIZE_2M); p += 64)
		require(*p == 0xcc);
}

/* Where the fuzzer's addresses lead: into the loader's words, or into RAM. */
static uint64_t place(size_t size)
{
	return INFO_AT + INFO_SIZE - size;
}

/*
 * Multiboot 1 gives pointers without lengths: what they lead to has to be there, as on a machine.
 * The fuzzer's words are an offset into the block; it has room behind for the longest string.
 */
static void read_mb1(struct input *in)
{
	struct mb1_info info;
	uint64_t block = INFO_AT, limit = INFO_SIZE / 4;

	take_bytes(in, &info, sizeof(info));
	memset((void *)(uintptr_t)block, 0, INFO_SIZE);
	info.cmdline = (uint32_t)(block + info.cmdline % limit);
	info.mods_addr = (uint32_t)(block + info.mods_addr % limit);
	info.mods_count %= 12;
	info.mmap_addr = (uint32_t)(block + info.mmap_addr % limit);
	/* A length is the loader's word; only one that no loader would say is refused. */
	if (info.mmap_length <= SIZE_1M)
		info.mmap_length %= 4096;
	info.boot_loader_name = (uint32_t)(block + info.boot_loader_name % limit);
	memcpy((void *)(uintptr_t)(block + limit), in->at, in->left < limit ? in->left : limit);
	memcpy((void *)(uintptr_t)block, in->at, in->left < limit ? in->left : limit);
	for (uint32_t i = 0; i < info.mods_count; i++) {
		void *at = (void *)(uintptr_t)(info.mods_addr + i * sizeof(struct mb1_module));
		struct mb1_module mod;

		memcpy(&mod, at, sizeof(mod));
		if (mod.string)
			mod.string = (uint32_t)(block + mod.string % limit);
		memcpy(at, &mod, sizeof(mod));
	}
	memcpy((void *)(uintptr_t)place(sizeof(info)), &info, sizeof(info));
	const char *why = NULL;
	int r = mb1_read(place(sizeof(info)), &li, &why);

	require(r ? r == -CL_EINVAL && why : true);
	check_info();
	if (!r)
		load_host();
}

static void read_mb2(struct input *in)
{
	size_t n = in->left < INFO_SIZE ? in->left & ~7ull : INFO_SIZE;
	uint64_t at = place(n);
	const char *why = NULL;
	uint32_t total;

	if (n < 8)
		return;
	memcpy((void *)(uintptr_t)at, in->at, n);
	/* It says no more than there is; how it is divided is the fuzzer's. */
	memcpy(&total, (void *)(uintptr_t)at, sizeof(total));
	if (total <= SIZE_1M && total > n) {
		total = (uint32_t)n;
		memcpy((void *)(uintptr_t)at, &total, sizeof(total));
	}
	int r = mb2_read(at, &li, &why);

	require(r ? r == -CL_EINVAL && why : true);
	check_info();
	if (!r)
		load_host();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool mapped;
	struct input in = {data, size};
	uint8_t how = (uint8_t)take(&in, 1);

	if (!mapped) {
		map(ARENA, ARENA_SIZE);
		map(INFO_AT, INFO_SIZE);
		/* A page that faults behind it, whatever else is mapped there. */
		require(mmap((void *)(uintptr_t)(INFO_AT + INFO_SIZE), PAGE_SIZE, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			     0) != MAP_FAILED);
	}
	mapped = true;
	memset(&li, 0, sizeof(li));
	/* Modules: the same bytes at the start of RAM. */
	memset((void *)(uintptr_t)ARENA, 0, 0x20000);
	size_t module = take(&in, 2);

	if (module > in.left)
		module = in.left;
	if (module)
		memcpy((void *)(uintptr_t)ARENA, in.at, module);
	in.at += module;
	in.left -= module;
	if (how & 1)
		read_mb1(&in);
	else
		read_mb2(&in);
	return 0;
}
