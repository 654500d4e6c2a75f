// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for the headers of host payloads: a kernel (bzImage), a Multiboot ELF32 file,
 * and the command line that comes with it. Each in a block of exactly its size.
 */
#include "boot/bzimage.h"
#include "boot/elf32.h"
#include "boot/multiboot.h"
#include "fuzz.h"

static void check_bzimage(const uint8_t *image, size_t size)
{
	struct linux_boot lb = {.kernel = SIZE_1M, .cmdline = 0x1000, .rsdp = 0x2000};
	struct memmap map = {.nr = MEMMAP_MAX};
	uint8_t *page = malloc(PAGE_SIZE);
	struct bzimage bz;
	const char *why = NULL;

	require(page);
	if (bzimage_parse(image, size, &bz, &why)) {
		require(why);
		free(page);
		return;
	}
	require(bzimage_probe(image, size));
	require(bz.setup_size < size && bz.kernel_size <= size - bz.setup_size && bz.kernel_size);
	require(bz.header_end <= size && bz.header_end <= 0x290 && bz.header_end >= 0x264);
	require(bz.init_size >= bz.kernel_size && bz.initrd_end);
	require(bz.alignment >= PAGE_SIZE && !(bz.alignment & (bz.alignment - 1)));
	require(bz.pref_address >= SIZE_1M && bz.pref_address < SIZE_4G &&
		bz.pref_address % bz.alignment == 0);
	for (unsigned i = 0; i < MEMMAP_MAX; i++)
		map.range[i] = (struct mem_range){i * PAGE_SIZE, PAGE_SIZE, MEM_RAM};
	lb.map = &map;
	bzimage_boot_params(page, image, &bz, &lb);
	/* What a kernel must not take from its file: who loaded it, more data, where things are. */
	uint64_t setup_data;
	uint32_t kernel, cmdline;

	memcpy(&setup_data, page + 0x250, 8);
	memcpy(&kernel, page + 0x214, 4);
	memcpy(&cmdline, page + 0x228, 4);
	require(!setup_data && kernel == SIZE_1M && cmdline == 0x1000);
	require(page[0x210] == 0xff && page[0x1e8] == MEMMAP_MAX);
	free(page);
}

static void check_elf(const uint8_t *image, size_t size)
{
	struct elf32_image elf;
	const char *why = NULL;
	bool entry = false;

	if (elf32_parse(image, size, &elf, &why)) {
		require(why);
		return;
	}
	require(elf32_probe(image, size) && elf.nr && elf.nr <= ELF32_SEGMENTS_MAX);
	for (unsigned i = 0; i < elf.nr; i++) {
		const struct elf32_segment *s = &elf.segment[i];

		require((uint64_t)s->offset + s->file_size <= size);
		require(s->file_size <= s->mem_size && s->address + s->mem_size <= SIZE_4G);
		entry |= elf.entry - s->address < s->mem_size;
	}
	require(entry);
}

static void check_cmdline(const uint8_t *text, size_t size)
{
	char *string = malloc(size + 1), *out = malloc(64 + size);
	size_t room = size ? text[0] + 1u : 1, n;

	require(string && out);
	if (size)
		memcpy(string, text, size);
	string[size] = '\0';
	for (int named = 0; named < 2; named++) {
		if (linux_cmdline(out, room < 64 + size ? room : 64 + size, string, named))
			continue;
		n = strlen(out);
		require(n < room);
		/* It is the end of what was given. */
		require(!strcmp(out, string + strlen(string) - n));
	}
	free(string);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *image = exact_copy(data, size);

	check_bzimage(image, size);
	check_elf(image, size);
	check_cmdline(image, size);
	free(image);
	return 0;
}
