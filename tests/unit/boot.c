// SPDX-License-Identifier: Apache-2.0
/* The Core's boot path, as far as it is arithmetic and parsing: maps, images, boot information. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>
#include "boot/acpi.h"
#include "boot/bzimage.h"
#include "boot/elf32.h"
#include "boot/memmap.h"
#include "boot/multiboot.h"

static uint64_t seed = 1;

/* xorshift64: the same numbers in every run. */
static uint32_t rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % below;
}

/* ---- memory maps ---- */

static void check_map(const struct memmap *m, const struct mem_range *want, unsigned int nr)
{
	assert_int_equal(m->nr, nr);
	for (unsigned int i = 0; i < nr; i++) {
		assert_int_equal(m->range[i].base, want[i].base);
		assert_int_equal(m->range[i].size, want[i].size);
		assert_int_equal(m->range[i].type, want[i].type);
	}
}

static void test_map_sorted_and_merged(void **state)
{
	struct memmap m = {.nr = 0};
	const struct mem_range want[] = {{0, 0x9000, 1}, {0x10000, 0x3000, 1}};

	assert_int_equal(memmap_add(&m, 0x11000, 0x2000, 1), 0);
	assert_int_equal(memmap_add(&m, 0x4000, 0x5000, 1), 0);
	assert_int_equal(memmap_add(&m, 0x10000, 0x1000, 1), 0);
	assert_int_equal(memmap_add(&m, 0, 0x4000, 1), 0);
	assert_int_equal(memmap_add(&m, 0x5000, 0, 2), 0);
	assert_int_equal(memmap_sanitise(&m), 0);
	check_map(&m, want, 2);
}

static void test_map_higher_type_wins(void **state)
{
	struct memmap m = {.nr = 0};
	const struct mem_range want[] = {{0, 0x2000, 1},      {0x2000, 0x1000, 3},
					 {0x3000, 0x1000, 4}, {0x4000, 0x1000, 2},
					 {0x5000, 0x5000, 1}, {0xa000, 0x1000, 2}};

	memmap_add(&m, 0x2000, 0x3000, 2);
	memmap_add(&m, 0, 0xa000, 1);
	memmap_add(&m, 0x2000, 0x2000, 3);
	memmap_add(&m, 0x3000, 0x1000, 4);
	memmap_add(&m, 0xa000, 0x1000, 0); /* no type at all: not RAM */
	assert_int_equal(memmap_sanitise(&m), 0);
	check_map(&m, want, 6);
}

static void test_map_absurd_ranges(void **state)
{
	struct memmap m = {.nr = 0};
	const struct mem_range want[] = {{0x1000, BIT64(52) - 0x1000, 1}};

	assert_int_equal(memmap_add(&m, 0x1000, UINT64_MAX, 1), 0);
	assert_int_equal(memmap_add(&m, UINT64_MAX, UINT64_MAX, 5), 0);
	assert_int_equal(memmap_sanitise(&m), 0);
	check_map(&m, want, 1);
	assert_false(memmap_is_ram(&m, 0x1000, UINT64_MAX));
	assert_false(memmap_is_ram(&m, 0x1000, 0));
	assert_true(memmap_is_ram(&m, BIT64(52) - 1, 1));
}

static void test_map_full(void **state)
{
	struct memmap m = {.nr = 0};

	for (unsigned int i = 0; i < MEMMAP_MAX; i++)
		assert_int_equal(memmap_add(&m, i * 0x3000ull, 0x2000, 1), 0);
	assert_int_equal(memmap_add(&m, 0x10000000, 1, 1), -CL_ENOSPC);
	assert_int_equal(memmap_sanitise(&m), 0);
	assert_int_equal(memmap_reserve(&m, 0, 1), -CL_ENOSPC);
	/* 64 ranges inside 64 others make 192. */
	m.nr = 0;
	for (unsigned int i = 0; i < MEMMAP_MAX / 2; i++) {
		memmap_add(&m, i * 0x4000ull, 0x3000, 1);
		memmap_add(&m, i * 0x4000ull + 0x1000, 0x1000, 2);
	}
	assert_int_equal(memmap_sanitise(&m), -CL_ENOSPC);
}

static void test_map_against_bytes(void **state)
{
	/* The oracle: one type for each of 64 pages. */
	for (int round = 0; round < 2000; round++) {
		struct memmap m = {.nr = 0};
		uint32_t page[64] = {0};

		for (uint32_t n = rnd(12); n > 0; n--) {
			uint32_t first = rnd(64), count = rnd(64 - first) + 1, type = rnd(5) + 1;

			memmap_add(&m, first * PAGE_SIZE, count * PAGE_SIZE, type);
			for (uint32_t i = first; i < first + count; i++)
				page[i] = type > page[i] ? type : page[i];
		}
		assert_int_equal(memmap_sanitise(&m), 0);
		for (unsigned int r = 0; r < m.nr; r++) {
			if (r)
				assert_true(m.range[r].base >=
					    m.range[r - 1].base + m.range[r - 1].size);
			for (uint64_t i = 0; i < m.range[r].size / PAGE_SIZE; i++) {
				uint32_t *p = &page[m.range[r].base / PAGE_SIZE + i];

				assert_int_equal(*p, m.range[r].type);
				*p = 0;
			}
		}
		for (int i = 0; i < 64; i++)
			assert_int_equal(page[i], 0);
	}
}

static void test_map_reserve_and_find(void **state)
{
	struct memmap m = {.nr = 0};

	memmap_add(&m, 0, 0xa0000, 1);
	memmap_add(&m, SIZE_1M, 0x3ff00000, 1);
	memmap_add(&m, SIZE_4G, SIZE_1G, 1);
	assert_int_equal(memmap_sanitise(&m), 0);
	assert_int_equal(memmap_ram_bytes(&m), 0xa0000 + 0x3ff00000 + SIZE_1G);
	assert_int_equal(memmap_ram_top(&m), SIZE_4G + SIZE_1G);
	assert_true(memmap_is_ram(&m, 0x10000000, 0x4000000));
	assert_int_equal(memmap_reserve(&m, 0x10000000, 0x4000000), 0);
	assert_false(memmap_is_ram(&m, 0x13fff000, 0x1000));
	assert_false(memmap_is_ram(&m, 0x0ffff000, 0x2000));
	assert_true(memmap_is_ram(&m, 0x0ffff000, 0x1000));
	assert_true(memmap_is_ram(&m, 0x14000000, 0x1000));

	assert_int_equal(memmap_find(&m, 0x1000, 0x1000, SIZE_1M, SIZE_4G), 0x3ffff000);
	assert_int_equal(memmap_find(&m, 0x1001, 0x1000, SIZE_1M, SIZE_4G), 0x3fffe000);
	assert_int_equal(memmap_find(&m, 0x1000, SIZE_2M, SIZE_1M, SIZE_4G), 0x3fe00000);
	assert_int_equal(memmap_find(&m, 0x1000, 0x1000, SIZE_1M, 0x13000000), 0x0ffff000);
	assert_int_equal(memmap_find(&m, SIZE_1G, 0x1000, SIZE_1M, SIZE_4G), 0);
	assert_int_equal(memmap_find(&m, SIZE_1G, 0x1000, SIZE_1M, UINT64_MAX), SIZE_4G);
	assert_int_equal(memmap_find(&m, 0x1000, 0x1000, SIZE_4G, SIZE_1M), 0);
	assert_int_equal(memmap_find(&m, UINT64_MAX, 0x1000, SIZE_1M, UINT64_MAX), 0);
}

/* ---- Linux images ---- */

#define IMAGE_SIZE (64 * 1024u)

static void set(uint8_t *p, uint32_t at, uint64_t v, size_t n)
{
	memcpy(p + at, &v, n);
}

static uint8_t *make_bzimage(void)
{
	uint8_t *p = calloc(1, IMAGE_SIZE);

	assert_non_null(p);
	p[0x1f1] = 3;
	set(p, 0x1f4, (IMAGE_SIZE - 2048) / 16, 4);
	set(p, 0x1fe, 0xaa55, 2);
	p[0x201] = 0x66;
	memcpy(p + 0x202, "HdrS", 4);
	set(p, 0x206, 0x020f, 2);
	p[0x211] = 1;
	set(p, 0x22c, 0x7fffffff, 4);
	set(p, 0x230, 0x200000, 4);
	p[0x234] = 1;
	set(p, 0x238, 2047, 4);
	set(p, 0x250, 0x1122334455667788, 8);
	set(p, 0x258, 0x1000000, 8);
	set(p, 0x260, 0x3000000, 4);
	return p;
}

static void test_bzimage_good(void **state)
{
	uint8_t *p = make_bzimage();
	struct bzimage bz;
	const char *why;

	assert_true(bzimage_probe(p, IMAGE_SIZE));
	assert_int_equal(bzimage_parse(p, IMAGE_SIZE, &bz, &why), 0);
	assert_int_equal(bz.setup_size, 2048);
	assert_int_equal(bz.kernel_size, IMAGE_SIZE - 2048);
	assert_int_equal(bz.header_end, 0x268);
	assert_int_equal(bz.init_size, 0x3000000);
	assert_int_equal(bz.pref_address, 0x1000000);
	assert_int_equal(bz.alignment, 0x200000);
	assert_int_equal(bz.initrd_end, 0x80000000);
	assert_int_equal(bz.cmdline_max, 2047);
	assert_true(bz.relocatable);
	free(p);
}

static void test_bzimage_refused(void **state)
{
	static const struct {
		uint32_t at;
		uint64_t value;
		size_t bytes;
	} bad[] = {
		{0x1fe, 0, 2},		     /* no boot flag */
		{0x202, 0, 4},		     /* no HdrS */
		{0x206, 0x020b, 2},	     /* protocol too old */
		{0x211, 0, 1},		     /* not a bzImage */
		{0x1f1, 127, 1},	     /* setup fills the file */
		{0x1f4, 0, 4},		     /* no kernel */
		{0x1f4, 0xffffffff, 4},	     /* kernel beyond the file */
		{0x1f4, IMAGE_SIZE / 16, 4}, /* the same, just so */
		{0x201, 0x10, 1},	     /* header too short */
		{0x201, 0xff, 1},	     /* header beyond boot_params' room */
		{0x230, 0, 4},		     /* alignment */
		{0x230, 0x300000, 4},
		{0x230, 0x80000000, 4},
		{0x230, 16, 4},
		{0x258, 0, 8}, /* preferred address */
		{0x258, 0x1100000, 8},
		{0x258, SIZE_4G, 8},
		{0x260, 0, 4}, /* needs less memory than it has bytes */
		{0x23c, 1, 4}, /* not a PC kernel */
	};
	struct bzimage bz;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t *p = make_bzimage();
		const char *why = NULL;

		set(p, bad[i].at, bad[i].value, bad[i].bytes);
		assert_int_equal(bzimage_parse(p, IMAGE_SIZE, &bz, &why), -CL_EINVAL);
		assert_non_null(why);
		free(p);
	}
}

/* A copy of exactly n bytes, so that the address sanitizer sees each byte read beyond it. */
static uint8_t *exact(const uint8_t *from, size_t n)
{
	uint8_t *p = malloc(n ? n : 1);

	assert_non_null(p);
	memcpy(p, from, n);
	return p;
}

static void test_bzimage_cut_off_anywhere(void **state)
{
	uint8_t *whole = make_bzimage();
	struct bzimage bz;
	const char *why;

	for (uint32_t n = 0; n < 4096; n++) {
		uint8_t *p = exact(whole, n);

		assert_int_equal(bzimage_parse(p, n, &bz, &why), -CL_EINVAL);
		free(p);
	}
	free(whole);
}

static void test_bzimage_mutated(void **state)
{
	for (int round = 0; round < 20000; round++) {
		uint8_t *p = make_bzimage();
		struct bzimage bz;
		const char *why;

		for (uint32_t n = rnd(6); n > 0; n--)
			p[0x1f1 + rnd(0x80)] = (uint8_t)rnd(256);
		if (!bzimage_parse(p, IMAGE_SIZE, &bz, &why)) {
			assert_true(bz.setup_size < IMAGE_SIZE);
			assert_true(bz.kernel_size <= IMAGE_SIZE - bz.setup_size);
			assert_true(bz.kernel_size <= bz.init_size);
			assert_true(bz.header_end <= 0x290);
		}
		free(p);
	}
}

static void test_boot_params(void **state)
{
	uint8_t *p = make_bzimage(), page[PAGE_SIZE];
	struct memmap map = {.nr = 2, .range = {{0, 0xa0000, 1}, {SIZE_1M, 0x7ff00000, 1}}};
	struct linux_boot lb = {.kernel = 0x1000000,
				.initrd = 0x7f000000,
				.initrd_size = 0x1234,
				.cmdline = 0x7e001000,
				.rsdp = 0x7e002000,
				.map = &map,
				.vga_text = true};
	struct bzimage bz;
	const char *why;
	uint32_t v[8];
	uint64_t q;

	assert_int_equal(bzimage_parse(p, IMAGE_SIZE, &bz, &why), 0);
	bzimage_boot_params(page, p, &bz, &lb);
	memcpy(&v[0], page + 0x214, 4);
	memcpy(&v[1], page + 0x218, 4);
	memcpy(&v[2], page + 0x21c, 4);
	memcpy(&v[3], page + 0x228, 4);
	memcpy(&v[4], page + 0x070, 4);
	assert_int_equal(v[0], 0x1000000);
	assert_int_equal(v[1], 0x7f000000);
	assert_int_equal(v[2], 0x1234);
	assert_int_equal(v[3], 0x7e001000);
	assert_int_equal(v[4], 0x7e002000);
	memcpy(&q, page + 0x250, 8);
	assert_int_equal(q, 0); /* setup_data of the file is not followed */
	assert_int_equal(page[0x210], 0xff);
	assert_int_equal(page[0x0f], 1);
	assert_int_equal(page[0x1e8], 2);
	memcpy(&q, page + 0x2d0 + 20, 8);
	assert_int_equal(q, SIZE_1M);
	assert_memory_equal(page + 0x202, "HdrS", 4);

	lb.vga_text = false;
	bzimage_boot_params(page, p, &bz, &lb);
	assert_int_equal(page[0x0f], 0);
	assert_int_equal(page[0x07], 0);
	free(p);
}

static void test_linux_cmdline(void **state)
{
	char out[32];

	assert_int_equal(linux_cmdline(out, sizeof(out), "vmlinuz quiet", true), 0);
	assert_string_equal(out, "quiet");
	assert_int_equal(linux_cmdline(out, sizeof(out), "vmlinuz", true), 0);
	assert_string_equal(out, "");
	assert_int_equal(linux_cmdline(out, sizeof(out), "quiet ro", false), 0);
	assert_string_equal(out, "quiet ro");
	assert_int_equal(linux_cmdline(out, sizeof(out), "/boot/vmlinuz  ro", false), 0);
	assert_string_equal(out, "ro");
	assert_int_equal(linux_cmdline(out, sizeof(out), "(hd0)/k ro", false), 0);
	assert_string_equal(out, "ro");
	assert_int_equal(linux_cmdline(out, sizeof(out), "root=/dev/vda", false), 0);
	assert_string_equal(out, "root=/dev/vda");
	assert_int_equal(linux_cmdline(out, sizeof(out), "", false), 0);
	assert_string_equal(out, "");
	assert_int_equal(linux_cmdline(out, 8, "1234567", false), 0);
	assert_int_equal(linux_cmdline(out, 8, "12345678", false), -CL_E2BIG);
}

/* ---- ELF ---- */

#define ELF_SIZE 8192u

static uint8_t *make_elf(void)
{
	uint8_t *p = calloc(1, ELF_SIZE);

	assert_non_null(p);
	memcpy(p,
	       "\x7f"
	       "ELF\1\1\1",
	       7);
	set(p, 16, 2, 2);
	set(p, 18, 3, 2);
	set(p, 24, 0x200010, 4); /* entry */
	set(p, 28, 52, 4);	 /* phoff */
	set(p, 42, 32, 2);
	set(p, 44, 1, 2);
	set(p, 52, 1, 4);	 /* PT_LOAD */
	set(p, 56, 0x1000, 4);	 /* offset */
	set(p, 64, 0x200000, 4); /* paddr */
	set(p, 68, 0x800, 4);	 /* filesz */
	set(p, 72, 0x2000, 4);	 /* memsz */
	set(p, 0x1000, 0x1badb002, 4);
	set(p, 0x1004, 3, 4);
	set(p, 0x1008, 0u - (0x1badb002u + 3), 4);
	return p;
}

static void test_elf_good(void **state)
{
	uint8_t *p = make_elf();
	struct elf32_image elf;
	const char *why;

	assert_true(elf32_probe(p, ELF_SIZE));
	assert_int_equal(elf32_parse(p, ELF_SIZE, &elf, &why), 0);
	assert_int_equal(elf.nr, 1);
	assert_int_equal(elf.entry, 0x200010);
	assert_int_equal(elf.segment[0].offset, 0x1000);
	assert_int_equal(elf.segment[0].file_size, 0x800);
	assert_int_equal(elf.segment[0].address, 0x200000);
	assert_int_equal(elf.segment[0].mem_size, 0x2000);
	free(p);
}

static void test_elf_refused(void **state)
{
	static const struct {
		uint32_t at;
		uint64_t value;
		size_t bytes;
	} bad[] = {
		{0, 0, 4},	   /* no ELF */
		{4, 2, 1},	   /* ELF64 */
		{16, 3, 2},	   /* not an executable */
		{18, 62, 2},	   /* x86-64 */
		{24, 0x202000, 4}, /* entry outside */
		{24, 0x1fffff, 4},
		{28, 0xffffffff, 4}, /* program headers outside */
		{28, ELF_SIZE - 31, 4},
		{44, 0xffff, 2},
		{42, 56, 2},
		{56, 0xfffff000, 4}, /* segment outside the file */
		{68, 0x1001, 4},
		{68, 0xffffffff, 4},
		{72, 0x7ff, 4},	     /* smaller in memory */
		{72, 0xffffffff, 4}, /* beyond 4 GiB */
		{0x1000, 0, 4},	     /* no Multiboot header */
		{0x1008, 0, 4},	     /* bad checksum */
		{0x1004, 0x7, 4},    /* (checksum) */
	};
	struct elf32_image elf;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t *p = make_elf();
		const char *why = NULL;

		set(p, bad[i].at, bad[i].value, bad[i].bytes);
		assert_int_equal(elf32_parse(p, ELF_SIZE, &elf, &why), -CL_EINVAL);
		assert_non_null(why);
		free(p);
	}

	/* Demands that are not met: video mode, addresses outside ELF. */
	for (uint32_t flags = 4; flags <= 0x10000; flags <<= 14 - 2) {
		uint8_t *p = make_elf();
		const char *why;

		set(p, 0x1004, flags, 4);
		set(p, 0x1008, 0u - (0x1badb002u + flags), 4);
		assert_true(elf32_probe(p, ELF_SIZE));
		assert_int_equal(elf32_parse(p, ELF_SIZE, &elf, &why), -CL_EINVAL);
		free(p);
	}
}

static void test_elf_mutated(void **state)
{
	for (int round = 0; round < 20000; round++) {
		uint8_t *whole = make_elf();
		struct elf32_image elf;
		const char *why;

		for (uint32_t n = rnd(4); n > 0; n--)
			whole[rnd(84)] = (uint8_t)rnd(256);

		uint32_t size = rnd(4) ? ELF_SIZE : rnd(ELF_SIZE + 1);
		uint8_t *p = exact(whole, size);

		if (!elf32_parse(p, size, &elf, &why))
			for (unsigned int i = 0; i < elf.nr; i++) {
				const struct elf32_segment *s = &elf.segment[i];

				assert_true((uint64_t)s->offset + s->file_size <= size);
				assert_true(s->file_size <= s->mem_size);
				assert_true(s->address + s->mem_size <= SIZE_4G);
			}
		free(p);
		free(whole);
	}
}

/* ---- Multiboot2 information ---- */

static uint32_t put_tag(uint8_t *info, uint32_t at, uint32_t type, const void *data, uint32_t n)
{
	set(info, at, type, 4);
	set(info, at + 4, n + 8, 4);
	memcpy(info + at + 8, data, n);
	return (uint32_t)ALIGN_UP(at + 8 + n, 8);
}

static const char rsdp_v1[20] = "RSD PTR \x0b"
				"BOCHS \0ABCD";

static uint32_t make_mb2(uint8_t info[512])
{
	uint8_t module[32] = {0}, mmap[8 + 2 * 24] = {0}, fb[24] = {0};
	uint32_t at = 8;

	memset(info, 0, 512);
	set(module, 0, 0x1000, 4);
	set(module, 4, 0x3000, 4);
	strcpy((char *)module + 8, "quiet ro");
	set(mmap, 0, 24, 4);
	set(mmap, 8 + 8, 0xa0000, 8);
	set(mmap, 8 + 16, 1, 4);
	set(mmap, 32, 0x100000, 8);
	set(mmap, 32 + 8, 0x100000, 8);
	set(mmap, 32 + 16, 2, 4);
	fb[21] = 1;
	at = put_tag(info, at, MB2_TAG_CMDLINE, "log=com2", 9);
	at = put_tag(info, at, MB2_TAG_MODULE, module, 8 + 9);
	at = put_tag(info, at, MB2_TAG_MMAP, mmap, sizeof(mmap));
	at = put_tag(info, at, MB2_TAG_FRAMEBUFFER, fb, 22);
	at = put_tag(info, at, MB2_TAG_EFI64, fb, 8);
	at = put_tag(info, at, MB2_TAG_ACPI_OLD, rsdp_v1, sizeof(rsdp_v1));
	at = put_tag(info, at, 999, "?", 1);
	at = put_tag(info, at, MB2_TAG_END, "", 0);
	set(info, 0, at, 4);
	return at;
}

static void test_mb2_good(void **state)
{
	static struct loader_info li;
	uint8_t info[512] __attribute__((aligned(8)));
	const char *why;

	memset(&li, 0, sizeof(li));
	make_mb2(info);
	assert_int_equal(mb2_read(virt_to_phys(info), &li, &why), 0);
	assert_string_equal(li.cmdline, "log=com2");
	assert_int_equal(li.nr_modules, 1);
	assert_int_equal(li.module[0].base, 0x1000);
	assert_int_equal(li.module[0].size, 0x2000);
	assert_string_equal(li.module[0].string, "quiet ro");
	assert_int_equal(li.map.nr, 2);
	assert_int_equal(li.map.range[1].type, 2);
	assert_true(li.efi);
	assert_true(li.graphics);
	assert_false(li.names_modules);
	assert_memory_equal(li.rsdp, rsdp_v1, sizeof(rsdp_v1));
}

static void test_mb2_refused(void **state)
{
	static struct loader_info li;
	uint8_t info[512] __attribute__((aligned(8)));
	const char *why;

	/* Without the end tag; a string without end; an empty module; a tag that is too long. */
	for (int i = 0; i < 5; i++) {
		uint32_t size = make_mb2(info);

		memset(&li, 0, sizeof(li));
		if (i == 0)
			set(info, 0, size - 8, 4);
		else if (i == 1)
			info[16 + 8] = 'x';
		else if (i == 2)
			set(info, 32 + 12, 0x1000, 4);
		else if (i == 3)
			set(info, 12, 0xfffffff8, 4);
		else
			set(info, 12, 7, 4);
		why = NULL;
		assert_int_equal(mb2_read(virt_to_phys(info), &li, &why), -CL_EINVAL);
		assert_non_null(why);
	}
}

static void test_mb2_mutated(void **state)
{
	static struct loader_info li;

	for (int round = 0; round < 20000; round++) {
		uint8_t info[512];
		uint32_t size = make_mb2(info);
		const char *why;

		for (uint32_t n = rnd(5); n > 0; n--)
			info[8 + rnd(size - 8)] = (uint8_t)(rnd(2) ? rnd(256) : rnd(40));

		uint8_t *p = exact(info, size);

		memset(&li, 0, sizeof(li));
		mb2_read(virt_to_phys(p), &li, &why);
		assert_true(li.nr_modules <= LOADER_MODULES_MAX);
		assert_true(strnlen(li.cmdline, LOADER_STRING_MAX) < LOADER_STRING_MAX);
		free(p);
	}
}

/* ---- ACPI ---- */

static void test_rsdp(void **state)
{
	uint8_t v2[36] = "RSD PTR ", v1[20], sum = 0;

	for (int i = 0; i < 20; i++)
		sum = (uint8_t)(sum + (uint8_t)rsdp_v1[i]);
	memcpy(v1, rsdp_v1, 20);
	v1[8] = (uint8_t)(v1[8] - sum);
	assert_int_equal(rsdp_check(v1, 20), 20);
	assert_int_equal(rsdp_check(v1, 19), 0);
	v1[8]++;
	assert_int_equal(rsdp_check(v1, 20), 0);

	v2[15] = 2;
	v2[20] = 36;
	for (int end = 20; end <= 36; end += 16) { /* both checksums */
		sum = 0;
		for (int i = 0; i < end; i++)
			sum = (uint8_t)(sum + v2[i]);
		v2[end == 20 ? 8 : 32] = (uint8_t)(v2[end == 20 ? 8 : 32] - sum);
	}
	assert_int_equal(rsdp_check(v2, 36), 36);
	assert_int_equal(rsdp_check(v2, 35), 0);
	v2[33]++;
	assert_int_equal(rsdp_check(v2, 36), 0);
}

/* Tables below 4 GiB, where the code takes them to be at their physical addresses. */
static uint8_t *low_page(void)
{
	uint8_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

static void make_table(uint8_t *p, const char *signature, uint32_t length)
{
	uint8_t sum = 0;

	memcpy(p, signature, 4);
	memcpy(p + 4, &length, 4);
	p[9] = 0;
	for (uint32_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + p[i]);
	p[9] = (uint8_t)-sum;
}

static bool sleep_off(const char *aml, size_t n, uint8_t type[2])
{
	uint8_t *page = low_page(), *dsdt = page + 512, sum = 0;
	uint32_t at = (uint32_t)(uintptr_t)dsdt;

	memcpy(dsdt + 36, aml, n);
	make_table(dsdt, "DSDT", (uint32_t)(36 + n));
	memcpy(page + 40, &at, 4);
	make_table(page, "FACP", 276);
	assert_int_equal(acpi_field(page, 40, 4), at);
	assert_int_equal(acpi_field(page, 275, 1), 0);
	assert_int_equal(acpi_field(page, 276, 1), 0);
	assert_int_equal(acpi_field(page, 270, 8), 0);
	bool r = acpi_sleep_off(page, type);

	for (size_t i = 0; i < 36 + n; i++)
		sum = (uint8_t)(sum + dsdt[i]);
	assert_int_equal(sum, 0); /* whatever was renamed */
	for (size_t i = 0; i + 5 <= 36 + n; i++)
		assert_false(!memcmp(dsdt + i, "_S3_\x12", 5));
	munmap(page, 4096);
	return r;
}

static void test_sleep_off(void **state)
{
#define S3	 "\x08_S3_\x12\x06\x04\x01\x01\x00\x00"
#define S5	 "\x08_S5_\x12\x07\x04\x0a\x05\x0a\x07\x00\x00"
#define TRY(aml) sleep_off(aml, sizeof(aml) - 1, type)
	uint8_t type[2] = {9, 9};

	assert_true(TRY(S3 S5));
	assert_int_equal(type[0], 5);
	assert_int_equal(type[1], 7);
	assert_true(TRY("\x08_S5_\x12\x06\x04\x00\x01\x00\x00"));
	assert_int_equal(type[0], 0);
	assert_int_equal(type[1], 1);
	assert_false(TRY(S3));
	assert_false(TRY(S5 S5));				       /* which of them? */
	assert_false(TRY("\x08_S5_\x12\x06\x01\x00\x00\x00\x00"));     /* one value */
	assert_false(TRY("\x08_S5_\x12\x46\x04\x00\x00\x00\x00"));     /* a long package */
	assert_false(TRY("\x08_S5_\x12\x07\x04\x0b\x05\x00\x00\x00")); /* a word */
	assert_false(TRY("\x08_S5_\x12\x07\x04\x00\x5c\x00\x00\x00")); /* a name */
	assert_false(TRY("\x08_S5_\x12\x06\x04\x00\x00"));	       /* cut off */
	assert_false(TRY("\x08_S5_\x12\x0c\x0a\x05\x05\x00\x00")); /* ten, the first no integer */
	assert_false(TRY("\x08_S5_"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_sorted_and_merged),
		cmocka_unit_test(test_map_higher_type_wins),
		cmocka_unit_test(test_map_absurd_ranges),
		cmocka_unit_test(test_map_full),
		cmocka_unit_test(test_map_against_bytes),
		cmocka_unit_test(test_map_reserve_and_find),
		cmocka_unit_test(test_bzimage_good),
		cmocka_unit_test(test_bzimage_refused),
		cmocka_unit_test(test_bzimage_cut_off_anywhere),
		cmocka_unit_test(test_bzimage_mutated),
		cmocka_unit_test(test_boot_params),
		cmocka_unit_test(test_linux_cmdline),
		cmocka_unit_test(test_elf_good),
		cmocka_unit_test(test_elf_refused),
		cmocka_unit_test(test_elf_mutated),
		cmocka_unit_test(test_mb2_good),
		cmocka_unit_test(test_mb2_refused),
		cmocka_unit_test(test_mb2_mutated),
		cmocka_unit_test(test_rsdp),
		cmocka_unit_test(test_sleep_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
