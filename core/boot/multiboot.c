// SPDX-License-Identifier: Apache-2.0
/* Read the boot information of a Multiboot or Multiboot2 loader. Lengths are not believed. */
#include "boot/multiboot.h"
#include "lib/string.h"

#define INFO_MAX (1u << 20) /* no sane loader says more */

static int refuse(const char **why, const char *text)
{
	*why = text;
	return -CL_EINVAL;
}

/* Copy a string of at most `max` bytes of input; false if it does not end or does not fit. */
static bool copy_string(char out[LOADER_STRING_MAX], const char *in, uint64_t max)
{
	size_t n = strnlen(in, max < LOADER_STRING_MAX ? max : LOADER_STRING_MAX);

	if (n == max || n == LOADER_STRING_MAX)
		return false;
	memcpy(out, in, n + 1);
	return true;
}

static int add_module(struct loader_info *li, uint32_t start, uint32_t end, const char *string,
		      uint64_t max, const char **why)
{
	struct loader_module *m = &li->module[li->nr_modules];

	if (li->nr_modules == LOADER_MODULES_MAX)
		return refuse(why, "too many modules");
	if (end <= start)
		return refuse(why, "a module is empty");
	m->base = start;
	m->size = end - start;
	m->string[0] = '\0';
	if (string && !copy_string(m->string, string, max))
		return refuse(why, "the command line of a module is too long");
	li->nr_modules++;
	return 0;
}

int mb1_read(uint64_t info, struct loader_info *li, const char **why)
{
	struct mb1_info mbi;

	memcpy(&mbi, phys_to_virt(info), sizeof(mbi));
	if (!(mbi.flags & MB1_INFO_MMAP) || mbi.mmap_length > INFO_MAX)
		return refuse(why, "the boot loader gave no memory map");
	if ((mbi.flags & MB1_INFO_CMDLINE) &&
	    !copy_string(li->cmdline, phys_to_virt(mbi.cmdline), LOADER_STRING_MAX + 1))
		return refuse(why, "the command line is too long");
	if (mbi.flags & MB1_INFO_LOADER_NAME)
		li->names_modules =
			!strncmp(phys_to_virt(mbi.boot_loader_name), "qemu", sizeof("qemu"));

	for (uint32_t i = 0; (mbi.flags & MB1_INFO_MODS) && i < mbi.mods_count; i++) {
		struct mb1_module mod;
		int err;

		memcpy(&mod, phys_to_virt(mbi.mods_addr + i * sizeof(mod)), sizeof(mod));
		err = add_module(li, mod.start, mod.end,
				 mod.string ? phys_to_virt(mod.string) : NULL,
				 LOADER_STRING_MAX + 1, why);
		if (err)
			return err;
	}

	for (uint32_t at = 0; mbi.mmap_length - at >= sizeof(struct mb1_mmap_entry);) {
		struct mb1_mmap_entry e;

		memcpy(&e, phys_to_virt(mbi.mmap_addr + at), sizeof(e));
		if (e.size < sizeof(e) - sizeof(e.size) ||
		    e.size > mbi.mmap_length - at - sizeof(e.size))
			return refuse(why, "the memory map is malformed");
		if (memmap_add(&li->map, e.base, e.length, e.type))
			return refuse(why, "the memory map has too many entries");
		at += e.size + (uint32_t)sizeof(e.size);
	}
	return 0;
}

/* Tags as in the Multiboot2 specification, section 3.6; each starts with type and size. */
struct tag_cmdline {
	uint32_t type, size;
	char string[];
};

struct tag_module {
	uint32_t type, size;
	uint32_t start, end;
	char string[];
};

struct tag_mmap {
	uint32_t type, size;
	uint32_t entry_size, entry_version;
	uint8_t entries[];
};

struct tag_efi_mmap {
	uint32_t type, size;
	uint32_t entry_size, entry_version;
	uint8_t entries[];
};

struct mb2_mmap_entry {
	uint64_t base, length;
	uint32_t type, reserved;
};

struct tag_framebuffer {
	uint32_t type, size;
	uint64_t address;
	uint32_t pitch, width, height;
	uint8_t bpp, kind;
};
#define FRAMEBUFFER_EGA_TEXT 2

static int read_mmap(const struct tag_mmap *tag, struct loader_info *li, const char **why)
{
	uint32_t bytes = tag->size - (uint32_t)sizeof(*tag);

	if (tag->entry_size < sizeof(struct mb2_mmap_entry))
		return refuse(why, "the memory map is malformed");
	for (uint32_t i = 0; i < bytes / tag->entry_size; i++) {
		struct mb2_mmap_entry e;

		memcpy(&e, tag->entries + (size_t)i * tag->entry_size, sizeof(e));
		if (memmap_add(&li->map, e.base, e.length, e.type))
			return refuse(why, "the memory map has too many entries");
	}
	return 0;
}

static int read_tag(const void *at, uint32_t type, uint32_t size, struct loader_info *li,
		    const char **why)
{
	const struct tag_cmdline *cmdline = at;
	const struct tag_module *module = at;
	const struct tag_framebuffer *fb = at;
	const struct tag_efi_mmap *efi_mmap = at;
	uint32_t need = 8;

	if (type == MB2_TAG_MODULE || type == MB2_TAG_MMAP || type == MB2_TAG_EFI_MMAP)
		need = 16;
	else if (type == MB2_TAG_FRAMEBUFFER)
		need = offsetof(struct tag_framebuffer, kind) + 1;
	if (size < need)
		return refuse(why, "the boot information is malformed");

	switch (type) {
	case MB2_TAG_CMDLINE:
		if (!copy_string(li->cmdline, cmdline->string, size - sizeof(*cmdline)))
			return refuse(why, "the command line is too long");
		break;
	case MB2_TAG_MODULE:
		return add_module(li, module->start, module->end, module->string,
				  size - sizeof(*module), why);
	case MB2_TAG_MMAP:
		return read_mmap(at, li, why);
	case MB2_TAG_EFI_MMAP:
		li->efi_map = efi_mmap->entries;
		li->efi_map_bytes = size - (uint32_t)sizeof(*efi_mmap);
		li->efi_map_entry = efi_mmap->entry_size;
		break;
	case MB2_TAG_FRAMEBUFFER:
		li->graphics = fb->kind != FRAMEBUFFER_EGA_TEXT;
		break;
	case MB2_TAG_EFI32:
	case MB2_TAG_EFI64:
		li->efi = true;
		break;
	case MB2_TAG_ACPI_OLD: /* ACPI 1.0; the other one, if there, is better */
		if (li->rsdp[0])
			break;
		__attribute__((fallthrough));
	case MB2_TAG_ACPI_NEW:
		memset(li->rsdp, 0, RSDP_SIZE_MAX);
		memcpy(li->rsdp, (const uint8_t *)at + 8,
		       size - 8 < RSDP_SIZE_MAX ? size - 8 : RSDP_SIZE_MAX);
		break;
	}
	return 0;
}

int mb2_read(uint64_t info, struct loader_info *li, const char **why)
{
	const uint8_t *p = phys_to_virt(info);
	uint32_t total;

	memcpy(&total, p, sizeof(total));
	if (total > INFO_MAX)
		return refuse(why, "the boot information is malformed");
	/* The tags start behind total size and a reserved word, each at a multiple of 8. */
	for (uint64_t at = 8; at + 8 <= total;) {
		uint32_t head[2];
		int err;

		memcpy(head, p + at, sizeof(head));
		if (head[0] == MB2_TAG_END)
			return 0;
		if (head[1] < 8 || head[1] > total - at)
			break;
		err = read_tag(p + at, head[0], head[1], li, why);
		if (err)
			return err;
		at = ALIGN_UP(at + head[1], 8);
	}
	return refuse(why, "the boot information is malformed");
}
