/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot hosts in ELF32 files (System V ABI, chapters 4 and 5). */
#ifndef CORE_BOOT_ELF32_H
#define CORE_BOOT_ELF32_H

#include "lib/types.h"

#define ELF32_SEGMENTS_MAX 16u

struct elf32_segment {
	uint32_t offset, file_size; /* in the file; checked to lie in it */
	uint64_t address, mem_size; /* in memory; not checked against any map; below 4 GiB */
};

struct elf32_image {
	struct elf32_segment segment[ELF32_SEGMENTS_MAX];
	unsigned int nr;
	uint32_t entry; /* physical; inside a segment */
};

/* Does the file claim to be a Multiboot kernel? */
bool elf32_probe(const void *image, uint64_t size);

/* Check headers. 0, or a negative CL_E* and *why. */
int elf32_parse(const void *image, uint64_t size, struct elf32_image *elf, const char **why);

#endif
