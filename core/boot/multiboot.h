/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiboot Specification 0.6.96 and Multiboot2 Specification 2.0: how the Core is booted, and
 * (the first one) how it boots a host that is an ELF file.
 */
#ifndef CORE_BOOT_MULTIBOOT_H
#define CORE_BOOT_MULTIBOOT_H

#define MB1_HEADER_MAGIC       0x1badb002
#define MB1_HEADER_ALIGN_MODS  0x1
#define MB1_HEADER_MEMORY_INFO 0x2
#define MB1_LOADER_MAGIC       0x2badb002
#define MB2_HEADER_MAGIC       0xe85250d6
#define MB2_LOADER_MAGIC       0x36d76289

#define MB2_TAG_END	       0
#define MB2_TAG_CMDLINE	       1
#define MB2_TAG_MODULE	       3
#define MB2_TAG_MMAP	       6
#define MB2_TAG_FRAMEBUFFER    8
#define MB2_TAG_EFI32	       11
#define MB2_TAG_EFI64	       12
#define MB2_TAG_ACPI_OLD       14
#define MB2_TAG_ACPI_NEW       15
#define MB2_TAG_EFI_MMAP       17

#ifndef __ASSEMBLER__

#include "boot/acpi.h"
#include "boot/memmap.h"

#define MB1_INFO_MEMORY	     0x001u
#define MB1_INFO_CMDLINE     0x004u
#define MB1_INFO_MODS	     0x008u
#define MB1_INFO_MMAP	     0x040u
#define MB1_INFO_LOADER_NAME 0x200u

struct mb1_info {
	uint32_t flags;
	uint32_t mem_lower, mem_upper;
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr;
	uint32_t config_table;
	uint32_t boot_loader_name;
};

struct mb1_module {
	uint32_t start, end; /* [start, end) */
	uint32_t string;
	uint32_t reserved;
};

struct mb1_mmap_entry {
	uint32_t size; /* of what follows */
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

#define LOADER_MODULES_MAX 8u
#define LOADER_STRING_MAX  2048u /* as Linux's COMMAND_LINE_SIZE */

struct loader_module {
	uint64_t base, size;
	char string[LOADER_STRING_MAX];
};

/* What the loader told, copied out of its memory, which is soon overwritten. */
struct loader_info {
	char cmdline[LOADER_STRING_MAX];
	struct loader_module module[LOADER_MODULES_MAX];
	unsigned int nr_modules;
	struct memmap map;	     /* as given, not sanitised */
	uint8_t rsdp[RSDP_SIZE_MAX]; /* all zero if the loader gave none */
	/* The firmware's own map of memory, where the loader has put it: read at once. */
	const uint8_t *efi_map;
	uint32_t efi_map_bytes, efi_map_entry;
	bool efi;	    /* firmware is UEFI: no VGA text, no BIOS tables in low memory */
	bool graphics;	    /* the loader has left a graphics mode */
	bool names_modules; /* module strings start with a file name (QEMU) */
};

/* Both return 0 or a negative CL_E*; *why then says what is wrong. */
int mb1_read(uint64_t info, struct loader_info *li, const char **why);
int mb2_read(uint64_t info, struct loader_info *li, const char **why);

#endif
#endif
