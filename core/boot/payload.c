// SPDX-License-Identifier: Apache-2.0
/*
 * Load the host. Modules may lie anywhere, most likely right behind the Core's image where its
 * pool will be, so each is first copied to a place that overlaps no module, nor Core memory
 * ("staged"); then everything else is put where no staged module lies. So no copy overlaps.
 */
#include "boot/acpi.h"
#include "boot/bzimage.h"
#include "boot/elf32.h"
#include "boot/fatal.h"
#include "boot/image.h"
#include "boot/payload.h"
#include "lib/log.h"
#include "lib/string.h"

/* Everything an ELF host is told, in one block of its memory. */
struct elf_boot_block {
	struct mb1_info info;
	struct mb1_module module[LOADER_MODULES_MAX];
	struct mb1_mmap_entry mmap[MEMMAP_MAX];
	char string[LOADER_MODULES_MAX][LOADER_STRING_MAX];
};

/* The same for Linux. */
struct linux_boot_block {
	uint8_t params[PAGE_SIZE];
	char cmdline[LOADER_STRING_MAX];
};

static void reserve(struct memmap *map, uint64_t base, uint64_t size)
{
	if (memmap_reserve(map, base, ALIGN_UP(size, PAGE_SIZE)))
		boot_fatal("the memory map has too many entries");
}

/* Find room in `free`, page aligned, and take it. */
static uint64_t take(struct memmap *free, uint64_t size, uint64_t align, uint64_t low,
		     uint64_t high, const char *what)
{
	uint64_t at = memmap_find(free, ALIGN_UP(size, PAGE_SIZE), align, low, high);

	if (!at)
		boot_fatal("no room for %s (%lu KiB)", what, size >> 10);
	reserve(free, at, size);
	return at;
}

/* All modules lie in the firmware's RAM and outside the Core's image. Before one is looked at. */
static void check_modules(const struct boot_info *bi, const struct loader_info *li)
{
	uint64_t image_end = virt_to_phys(core_image_end);
	struct memmap firmware = {.nr = bi->nr_map};

	memcpy(firmware.range, bi->map, sizeof(firmware.range));
	for (unsigned int i = 0; i < li->nr_modules; i++) {
		const struct loader_module *m = &li->module[i];

		if (!memmap_is_ram(&firmware, m->base, m->size) ||
		    (m->base < image_end && m->base + m->size > bi->core_base))
			boot_fatal("module %u at 0x%lx, %lu bytes, is not in free memory", i,
				   m->base, m->size);
	}
}

/* Copy all modules into `free`, below `high`. */
static void stage_modules(struct loader_info *li, struct memmap *free, uint64_t high)
{
	struct memmap busy = *free;

	for (unsigned int i = 0; i < li->nr_modules; i++)
		reserve(&busy, li->module[i].base, li->module[i].size);
	for (unsigned int i = 0; i < li->nr_modules; i++) {
		struct loader_module *m = &li->module[i];
		uint64_t at = take(&busy, m->size, PAGE_SIZE, SIZE_1M, high, "a module");

		memcpy(phys_to_virt(at), phys_to_virt(m->base), m->size);
		log_debug("module %u moved from 0x%lx to 0x%lx, %lu bytes", i, m->base, at,
			  m->size);
		m->base = at;
		reserve(free, at, m->size);
	}
}

/*
 * The host's copy of the ACPI root pointer. In reserved memory, because Linux reads it late and
 * does not protect it otherwise; where UEFI keeps the original, no loader says.
 */
static uint64_t place_rsdp(const struct boot_info *bi, struct memmap *host, struct memmap *free)
{
	if (!bi->rsdp)
		return 0;

	uint64_t at = take(free, PAGE_SIZE, PAGE_SIZE, SIZE_1M, SIZE_4G, "the ACPI root pointer");

	memset(phys_to_virt(at), 0, PAGE_SIZE);
	memcpy(phys_to_virt(at), phys_to_virt(bi->rsdp), RSDP_SIZE_MAX);
	reserve(host, at, PAGE_SIZE);
	return at;
}

static void load_linux(struct boot_info *bi, struct loader_info *li, const struct bzimage *bz,
		       struct memmap *host, struct memmap *free)
{
	struct loader_module *kernel = &li->module[0], *initrd = &li->module[1];
	const uint8_t *image = phys_to_virt(kernel->base);
	struct linux_boot lb = {.map = host, .vga_text = !li->efi && !li->graphics};
	struct linux_boot_block *block;

	/* Where it wants to be, if that is free; else as high as it can go. */
	if (memmap_is_ram(free, bz->pref_address, bz->init_size)) {
		lb.kernel = bz->pref_address;
		reserve(free, lb.kernel, bz->init_size);
	} else if (bz->relocatable) {
		lb.kernel = take(free, bz->init_size, bz->alignment, bz->pref_address, SIZE_4G,
				 "the host's kernel");
	} else {
		boot_fatal("no room for the host's kernel at 0x%lx, and it cannot be moved",
			   bz->pref_address);
	}
	memcpy(phys_to_virt(lb.kernel), image + bz->setup_size, bz->kernel_size);

	block = phys_to_virt(
		take(free, sizeof(*block), PAGE_SIZE, SIZE_1M, SIZE_4G, "boot parameters"));
	lb.cmdline = virt_to_phys(block->cmdline);
	if (linux_cmdline(block->cmdline, sizeof(block->cmdline), kernel->string,
			  li->names_modules) ||
	    strlen(block->cmdline) > bz->cmdline_max)
		boot_fatal("the host's command line is too long");
	if (li->nr_modules > 1) {
		lb.initrd = initrd->base;
		lb.initrd_size = initrd->size;
	}
	lb.rsdp = place_rsdp(bi, host, free);
	bzimage_boot_params(block->params, image, bz, &lb);

	/* boot.rst, "32-bit Boot Protocol": ESI = boot_params, EBX = EBP = EDI = 0. */
	bi->host = (struct host_entry){.eip = (uint32_t)lb.kernel,
				       .esi = (uint32_t)virt_to_phys(block->params)};
	log_info("host: Linux at 0x%lx, initrd at 0x%lx (%lu bytes)", lb.kernel, lb.initrd,
		 lb.initrd_size);
	log_info("host: command line: %s", block->cmdline);
}

static void fill_elf_boot_block(struct elf_boot_block *b, const struct loader_info *li,
				const struct memmap *host)
{
	memset(b, 0, sizeof(*b));
	b->info.flags = MB1_INFO_MEMORY | MB1_INFO_CMDLINE | MB1_INFO_MODS | MB1_INFO_MMAP;
	for (unsigned int i = 0; i < li->nr_modules; i++)
		memcpy(b->string[i], li->module[i].string, LOADER_STRING_MAX);
	b->info.cmdline = (uint32_t)virt_to_phys(b->string[0]);

	b->info.mods_count = li->nr_modules - 1;
	b->info.mods_addr = (uint32_t)virt_to_phys(b->module);
	for (unsigned int i = 1; i < li->nr_modules; i++) {
		const struct loader_module *m = &li->module[i];

		b->module[i - 1] =
			(struct mb1_module){.start = (uint32_t)m->base,
					    .end = (uint32_t)(m->base + m->size),
					    .string = (uint32_t)virt_to_phys(b->string[i])};
	}

	b->info.mmap_addr = (uint32_t)virt_to_phys(b->mmap);
	b->info.mmap_length = host->nr * (uint32_t)sizeof(b->mmap[0]);
	for (unsigned int i = 0; i < host->nr; i++) {
		const struct mem_range *r = &host->range[i];
		uint64_t end = r->base + r->size;

		b->mmap[i] =
			(struct mb1_mmap_entry){sizeof(b->mmap[0]) - 4, r->base, r->size, r->type};
		/* In KiB: RAM from 0, and from 1 MiB up to the first hole. */
		if (r->type == MEM_RAM && r->base == 0)
			b->info.mem_lower =
				(uint32_t)((end < 640ull * 1024 ? end : 640ull * 1024) >> 10);
		if (r->type == MEM_RAM && r->base <= SIZE_1M && end > SIZE_1M)
			b->info.mem_upper =
				(uint32_t)(((end < SIZE_4G ? end : SIZE_4G) - SIZE_1M) >> 10);
	}
}

static void load_elf(struct boot_info *bi, struct loader_info *li, const struct memmap *host,
		     struct memmap *free)
{
	const uint8_t *image = phys_to_virt(li->module[0].base);
	struct elf_boot_block *block;
	struct elf32_image elf;
	const char *why;

	if (elf32_parse(image, li->module[0].size, &elf, &why))
		boot_fatal("bad host (the first module): %s", why);
	for (unsigned int i = 0; i < elf.nr; i++) {
		const struct elf32_segment *s = &elf.segment[i];
		uint8_t *to = phys_to_virt(s->address);

		/* Memory taken by earlier segments is no longer RAM in `free`. */
		if (!memmap_is_ram(free, s->address, s->mem_size) ||
		    memmap_reserve(free, s->address, s->mem_size))
			boot_fatal("host segment at 0x%lx, %lu bytes, is not in free memory",
				   s->address, s->mem_size);
		memcpy(to, image + s->offset, s->file_size);
		memset(to + s->file_size, 0, s->mem_size - s->file_size);
	}
	block = phys_to_virt(
		take(free, sizeof(*block), PAGE_SIZE, SIZE_1M, SIZE_4G, "boot information"));
	fill_elf_boot_block(block, li, host);
	bi->host = (struct host_entry){.eip = elf.entry,
				       .eax = MB1_LOADER_MAGIC,
				       .ebx = (uint32_t)virt_to_phys(&block->info)};
	log_info("host: Multiboot ELF, entry 0x%x, %u modules", elf.entry, li->nr_modules - 1);
	log_info("host: command line: %s", block->string[0]);
}

void payload_load(struct boot_info *bi, struct loader_info *li)
{
	const struct loader_module *first = &li->module[0];
	struct memmap host = {.nr = bi->nr_map};
	uint64_t high = SIZE_4G;
	struct memmap free;
	struct bzimage bz;
	const char *why;
	bool is_linux;

	if (!li->nr_modules)
		boot_fatal("no host: the boot loader gave no modules");
	memcpy(host.range, bi->map, sizeof(host.range));
	reserve(&host, bi->core_base, bi->core_size);
	free = host;
	check_modules(bi, li);

	is_linux = bzimage_probe(phys_to_virt(first->base), first->size);
	if (is_linux) {
		if (bzimage_parse(phys_to_virt(first->base), first->size, &bz, &why))
			boot_fatal("bad host (the first module): %s", why);
		if (li->nr_modules > 2)
			boot_fatal("a Linux host takes a kernel and one initrd, no more modules");
		if (bz.initrd_end < high)
			high = bz.initrd_end;
	}
	stage_modules(li, &free, high);
	if (is_linux)
		load_linux(bi, li, &bz, &host, &free);
	else
		load_elf(bi, li, &host, &free);
}
