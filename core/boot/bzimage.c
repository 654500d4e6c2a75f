// SPDX-License-Identifier: Apache-2.0
/* Linux kernel images: header checks, boot_params, command line. */
#include "boot/bzimage.h"
#include "lib/format.h"
#include "lib/string.h"

/* The setup header (boot.rst, "The Real-Mode Kernel Header"). */
#define HDR_START	    0x1f1
#define HDR_SETUP_SECTS	    0x1f1
#define HDR_SYSSIZE	    0x1f4
#define HDR_VID_MODE	    0x1fa
#define HDR_BOOT_FLAG	    0x1fe
#define HDR_JUMP	    0x201 /* the header ends at 0x202 + this byte */
#define HDR_MAGIC	    0x202
#define HDR_VERSION	    0x206
#define HDR_TYPE_OF_LOADER  0x210
#define HDR_LOADFLAGS	    0x211
#define HDR_CODE32_START    0x214
#define HDR_RAMDISK_IMAGE   0x218
#define HDR_RAMDISK_SIZE    0x21c
#define HDR_CMD_LINE_PTR    0x228
#define HDR_INITRD_ADDR_MAX 0x22c
#define HDR_ALIGNMENT	    0x230
#define HDR_RELOCATABLE	    0x234
#define HDR_CMDLINE_SIZE    0x238
#define HDR_SUBARCH	    0x23c
#define HDR_SETUP_DATA	    0x250
#define HDR_PREF_ADDRESS    0x258
#define HDR_INIT_SIZE	    0x260
#define HDR_MIN_END	    0x264 /* protocol 2.12 has all of the above */
#define HDR_MAX_END	    0x290 /* boot_params has room up to here */

#define LOADED_HIGH	    0x01

/* The rest of boot_params (zero-page.rst, struct screen_info). */
#define BP_SCREEN_MODE	 0x06
#define BP_SCREEN_COLS	 0x07
#define BP_SCREEN_LINES	 0x0e
#define BP_SCREEN_IS_VGA 0x0f
#define BP_SCREEN_POINTS 0x10
#define BP_ACPI_RSDP	 0x070
#define BP_E820_ENTRIES	 0x1e8
#define BP_E820_TABLE	 0x2d0

struct e820_entry {
	uint64_t base, size;
	uint32_t type;
} __attribute__((packed));
_Static_assert(BP_E820_TABLE + MEMMAP_MAX * sizeof(struct e820_entry) <= PAGE_SIZE,
	       "boot_params has room for a whole memory map");

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static void put32(uint8_t *p, uint64_t v)
{
	uint32_t low = (uint32_t)v;

	memcpy(p, &low, sizeof(low));
}

bool bzimage_probe(const void *image, uint64_t size)
{
	const uint8_t *p = image;

	return size >= HDR_MIN_END && get16(p + HDR_BOOT_FLAG) == 0xaa55 &&
	       !memcmp(p + HDR_MAGIC, "HdrS", 4);
}

int bzimage_parse(const void *image, uint64_t size, struct bzimage *bz, const char **why)
{
	const uint8_t *p = image;
	uint64_t rest, claimed;

	if (!bzimage_probe(image, size)) {
		*why = "it is no Linux kernel";
		return -CL_EINVAL;
	}
	if (get16(p + HDR_VERSION) < 0x020c || !(p[HDR_LOADFLAGS] & LOADED_HIGH)) {
		*why = "its boot protocol is older than 2.12 (Linux 3.8)";
		return -CL_EINVAL;
	}
	*bz = (struct bzimage){
		/* 0 means 4, for kernels older than any we take; one more sector for the boot
		   sector */
		.setup_size = ((p[HDR_SETUP_SECTS] ? p[HDR_SETUP_SECTS] : 4ull) + 1) * 512,
		.header_end = HDR_MAGIC + p[HDR_JUMP],
		.init_size = get32(p + HDR_INIT_SIZE),
		.pref_address = get64(p + HDR_PREF_ADDRESS),
		.alignment = get32(p + HDR_ALIGNMENT),
		.initrd_end = (uint64_t)get32(p + HDR_INITRD_ADDR_MAX) + 1,
		.cmdline_max = get32(p + HDR_CMDLINE_SIZE),
		.relocatable = p[HDR_RELOCATABLE],
	};
	*why = "its header is malformed";
	if (bz->setup_size >= size || bz->header_end < HDR_MIN_END ||
	    bz->header_end > HDR_MAX_END || bz->header_end > size || get32(p + HDR_SUBARCH) != 0)
		return -CL_EINVAL;

	/* syssize counts the kernel in units of 16 bytes; a signature may follow it. */
	rest = size - bz->setup_size;
	claimed = (uint64_t)get32(p + HDR_SYSSIZE) * 16;
	if (!claimed || claimed > ALIGN_UP(rest, 16))
		return -CL_EINVAL;
	bz->kernel_size = claimed < rest ? claimed : rest;

	if (bz->alignment < PAGE_SIZE || bz->alignment > SIZE_1G ||
	    (bz->alignment & (bz->alignment - 1)) || bz->init_size < bz->kernel_size ||
	    bz->pref_address < SIZE_1M || bz->pref_address >= SIZE_4G ||
	    bz->pref_address % bz->alignment)
		return -CL_EINVAL;
	return 0;
}

void bzimage_boot_params(uint8_t page[PAGE_SIZE], const void *image, const struct bzimage *bz,
			 const struct linux_boot *lb)
{
	memset(page, 0, PAGE_SIZE);
	memcpy(page + HDR_START, (const uint8_t *)image + HDR_START, bz->header_end - HDR_START);

	page[HDR_TYPE_OF_LOADER] = 0xff; /* a loader without an assigned number */
	page[HDR_LOADFLAGS] = LOADED_HIGH;
	page[HDR_VID_MODE] = page[HDR_VID_MODE + 1] = 0xff; /* "normal" */
	put32(page + HDR_CODE32_START, lb->kernel);
	put32(page + HDR_RAMDISK_IMAGE, lb->initrd);
	put32(page + HDR_RAMDISK_SIZE, lb->initrd_size);
	put32(page + HDR_CMD_LINE_PTR, lb->cmdline);
	memset(page + HDR_SETUP_DATA, 0, 8);
	put32(page + BP_ACPI_RSDP, lb->rsdp);

	if (lb->vga_text) {
		page[BP_SCREEN_MODE] = 3;
		page[BP_SCREEN_COLS] = 80;
		page[BP_SCREEN_LINES] = 25;
		page[BP_SCREEN_IS_VGA] = 1;
		page[BP_SCREEN_POINTS] = 16;
	}

	for (unsigned int i = 0; i < lb->map->nr; i++) {
		const struct mem_range *r = &lb->map->range[i];
		struct e820_entry e = {r->base, r->size, r->type};

		memcpy(page + BP_E820_TABLE + i * sizeof(e), &e, sizeof(e));
	}
	page[BP_E820_ENTRIES] = (uint8_t)lb->map->nr;
}

int linux_cmdline(char *out, uint64_t size, const char *string, bool named)
{
	if (named || *string == '/' || *string == '(')
		while (*string && *string != ' ')
			string++;
	while (*string == ' ')
		string++;
	if (format(out, size, "%s", string) >= size)
		return -CL_E2BIG;
	return 0;
}
