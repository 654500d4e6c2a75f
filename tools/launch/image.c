// SPDX-License-Identifier: Apache-2.0
// Lays a zone's launch image out: zero page, command line, ACPI tables, kernel, initrd, and the
// descriptor that names them.
#include "launch.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "bzimage.h"

// The zero page (Documentation/arch/x86/zero-page.rst in the kernel's source).
#define ZP_ACPI_RSDP	 0x070u
#define ZP_E820_ENTRIES	 0x1e8u
#define ZP_VID_MODE	 0x1fau
#define ZP_E820_TABLE	 0x2d0u
#define ZP_E820_SIZE	 20u
#define VID_MODE_NORMAL	 0xffffu
#define LOADER_UNDEFINED 0xffu
#define E820_RAM	 1u
#define E820_RESERVED	 2u
#define E820_ACPI	 3u

// The loader, at 1 MiB, and the firmware's own high memory have to fit beside the image.
#define LOADER_ROOM (4ull << 20)

static int refuse(char err[LAUNCH_ERR], const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static int refuse(char err[LAUNCH_ERR], const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(err, LAUNCH_ERR, format, args);
	va_end(args);
	return -EINVAL;
}

static uint64_t page_up(uint64_t bytes)
{
	return (bytes + CL_PAGE_SIZE - 1) & ~(uint64_t)(CL_PAGE_SIZE - 1);
}

static uint64_t page_down(uint64_t bytes)
{
	return bytes & ~(uint64_t)(CL_PAGE_SIZE - 1);
}

// Little-endian, whatever machine measures.
static void put_le(uint8_t *p, uint64_t value, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

static void e820_add(uint8_t *zero_page, uint64_t start, uint64_t end, uint32_t type)
{
	uint8_t *count = &zero_page[ZP_E820_ENTRIES];
	uint8_t *entry = zero_page + ZP_E820_TABLE + (size_t)*count * ZP_E820_SIZE;

	if (start >= end)
		return;
	put_le(entry, start, 8);
	put_le(entry + 8, end - start, 8);
	put_le(entry + 16, type, 4);
	(*count)++;
}

static void make_boot_params(uint8_t *zp, const struct launch_input *in, const struct bzimage *bz,
			     uint64_t initrd_gpa, uint64_t acpi_bytes)
{
	uint64_t low = in->memory < CL_ZONE_LOW_RAM_END ? in->memory : CL_ZONE_LOW_RAM_END;

	// All zero but the setup header (boot.rst, "64-bit boot protocol"). screen_info stays
	// zero: there is no display.
	memset(zp, 0, CL_PAGE_SIZE);
	memcpy(zp + BZ_SETUP_SECTS, in->kernel + BZ_SETUP_SECTS, bz->header_end - BZ_SETUP_SECTS);
	put_le(zp + ZP_VID_MODE, VID_MODE_NORMAL, 2);
	zp[BZ_TYPE_OF_LOADER] = LOADER_UNDEFINED;
	put_le(zp + BZ_CODE32_START, bz->load, 4);
	put_le(zp + BZ_RAMDISK_IMAGE, initrd_gpa, 4);
	put_le(zp + BZ_RAMDISK_SIZE, in->initrd_bytes, 4);
	put_le(zp + BZ_CMD_LINE_PTR, LAUNCH_CMDLINE, 4);
	put_le(zp + ZP_ACPI_RSDP, LAUNCH_ACPI, 8);

	e820_add(zp, 0, LAUNCH_ACPI, E820_RAM);
	// Type "ACPI" and not "reserved": Linux maps the former private (__ioremap_check_encrypted)
	// and would read the latter from the shared side, where the host writes.
	e820_add(zp, LAUNCH_ACPI, LAUNCH_ACPI + acpi_bytes, E820_ACPI);
	e820_add(zp, LAUNCH_ACPI + acpi_bytes, LAUNCH_EBDA, E820_RAM);
	e820_add(zp, LAUNCH_EBDA, CL_ZONE_HOLE_END, E820_RESERVED);
	e820_add(zp, CL_ZONE_HOLE_END, low, E820_RAM);
	e820_add(zp, CL_ZONE_HIGH_RAM, CL_ZONE_HIGH_RAM + (in->memory - low), E820_RAM);
}

// The initrd goes as high as it can: there the loader's moves and the kernel's own unpacking are
// out of its way.
static int place_initrd(const struct launch_input *in, const struct bzimage *bz, uint64_t *gpa,
			char err[LAUNCH_ERR])
{
	uint64_t top = in->memory < CL_ZONE_LOW_RAM_END ? in->memory : CL_ZONE_LOW_RAM_END;
	uint64_t bytes = page_up(in->initrd_bytes);
	uint64_t kernel_end = page_up(bz->load + bz->init_size);
	uint64_t needed = kernel_end + bytes;
	uint64_t image = 2ull * CL_PAGE_SIZE + page_up(bz->payload_bytes) + bytes +
			 ACPI_REGION_BYTES + 2ull * CL_PAGE_SIZE;

	if (bz->initrd_max < top)
		top = page_down(bz->initrd_max + 1);
	if (needed < image + CL_ZONE_HOLE_END + LOADER_ROOM)
		needed = image + CL_ZONE_HOLE_END + LOADER_ROOM;
	if (needed > top)
		return refuse(err,
			      "kernel and initrd need %" PRIu64 " MiB below 2 GiB, the zone has "
			      "%" PRIu64 " MiB there",
			      (needed + (1 << 20) - 1) >> 20, top >> 20);
	*gpa = top - bytes;
	return 0;
}

static void add_part(struct launch *l, const struct launch_part *part)
{
	l->part[l->desc.nr_segs] = *part;
	l->desc.seg[l->desc.nr_segs] = (struct cl_launch_seg){part->gpa, part->bytes};
	l->desc.nr_segs++;
	l->file_bytes += part->bytes;
}

int launch_build(struct launch *l, const struct launch_input *in, char err[LAUNCH_ERR])
{
	struct bzimage bz;
	uint64_t initrd_gpa = 0;
	const char *why;
	// The Core fills the digits in once it has measured them as zeros.
	static const char tsc[] = " tsc_early_khz=0x00000000";
	size_t cmdline_bytes = strlen(in->cmdline) + sizeof(tsc);

	if (in->memory < CL_ZONE_MEMORY_MIN || in->memory > CL_ZONE_MEMORY_MAX ||
	    in->memory % (2ull << 20))
		return refuse(err, "memory must be 64M to 64G in steps of 2M");
	if (in->vcpus == 0 || in->vcpus > CL_ZONE_VCPUS_MAX)
		return refuse(err, "number of vCPUs must be 1 to %u", CL_ZONE_VCPUS_MAX);
	if (bzimage_parse(&bz, in->kernel, in->kernel_bytes, &why))
		return refuse(err, "kernel: %s", why);
	if (!initrd_looks_right(in->initrd, in->initrd_bytes))
		return refuse(err, "initrd: neither a cpio archive nor a compressed one");
	if (in->initrd_bytes >= CL_ZONE_LOW_RAM_END)
		return refuse(err, "initrd: larger than 2 GiB");
	if (cmdline_bytes - 1 > bz.cmdline_max || cmdline_bytes > CL_PAGE_SIZE)
		return refuse(err, "command line: longer than the %" PRIu32 " bytes of this kernel",
			      bz.cmdline_max);
	if (place_initrd(in, &bz, &initrd_gpa, err))
		return -EINVAL;

	memset(l, 0, sizeof(*l));
	int acpi_bytes = acpi_build(l->acpi, LAUNCH_ACPI, in->vcpus);
	if (acpi_bytes < 0)
		return refuse(err, "ACPI tables: %s", strerror(-acpi_bytes));
	uint64_t acpi_pages = page_up((uint64_t)acpi_bytes);
	memcpy(l->cmdline, in->cmdline, cmdline_bytes - sizeof(tsc));
	memcpy(l->cmdline + cmdline_bytes - sizeof(tsc), tsc, sizeof(tsc));
	make_boot_params(l->boot_params, in, &bz, initrd_gpa, acpi_pages);

	l->desc.magic = CL_DESC_MAGIC;
	l->desc.version = CL_LAUNCH_VERSION;
	l->desc.vcpus = in->vcpus;
	l->desc.memory_bytes = in->memory;
	l->desc.entry_rip = bz.load + BZ_ENTRY_64;
	l->desc.entry_rsi = LAUNCH_BOOT_PARAMS;
	l->desc.tsc_khz_gpa = LAUNCH_CMDLINE + cmdline_bytes - 1 - CL_TSC_KHZ_DIGITS;
	l->file_bytes = 2ull * CL_PAGE_SIZE;
	add_part(l, &(struct launch_part){"boot_params", LAUNCH_BOOT_PARAMS, CL_PAGE_SIZE,
					  l->boot_params, CL_PAGE_SIZE});
	add_part(l, &(struct launch_part){"cmdline", LAUNCH_CMDLINE, CL_PAGE_SIZE, l->cmdline,
					  CL_PAGE_SIZE});
	add_part(l, &(struct launch_part){"acpi", LAUNCH_ACPI, acpi_pages, l->acpi,
					  (size_t)acpi_bytes});
	add_part(l, &(struct launch_part){"kernel", bz.load, page_up(bz.payload_bytes), bz.payload,
					  (size_t)bz.payload_bytes});
	add_part(l, &(struct launch_part){"initrd", initrd_gpa, page_up(in->initrd_bytes),
					  in->initrd, in->initrd_bytes});
	return 0;
}
