/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the Multiboot Specification 0.6.96 that the loader uses (section 3.3). */
#ifndef CLOISTER_LOADER_MULTIBOOT_H
#define CLOISTER_LOADER_MULTIBOOT_H

#include <stdint.h>

#define MULTIBOOT_BOOT_MAGIC 0x2badb002u
#define MULTIBOOT_INFO_MODS  0x008u
#define MULTIBOOT_INFO_MMAP  0x040u

struct multiboot_info {
	uint32_t flags;
	uint32_t mem_lower;
	uint32_t mem_upper;
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count;
	uint32_t mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length;
	uint32_t mmap_addr;
};

struct multiboot_module {
	uint32_t start;
	uint32_t end;
	uint32_t string;
	uint32_t reserved;
};

/* `size` does not count itself; entries follow each other at any alignment. */
struct multiboot_mmap {
	uint32_t size;
	uint64_t base;
	uint64_t length;
	uint32_t type;
} __attribute__((packed));

#endif
