// SPDX-License-Identifier: Apache-2.0
/* Multiboot hosts in ELF32 files: header checks. */
#include "boot/elf32.h"
#include "boot/multiboot.h"
#include "lib/string.h"

struct elf32_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version, entry, phoff, shoff, flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf32_program_header {
	uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

#define ET_EXEC 2
#define EM_386	3
#define PT_LOAD 1

/* Offset of the Multiboot header: in the first 8 KiB, at a multiple of 4; 0 if there is none. */
static uint32_t find_header(const uint8_t *image, uint64_t size)
{
	uint32_t word[3];

	for (uint32_t at = 4; at + sizeof(word) <= (size < 8192 ? size : 8192); at += 4) {
		memcpy(word, image + at, sizeof(word));
		if (word[0] == MB1_HEADER_MAGIC && word[0] + word[1] + word[2] == 0)
			return at;
	}
	return 0;
}

bool elf32_probe(const void *image, uint64_t size)
{
	return find_header(image, size) != 0;
}

static int add_segment(struct elf32_image *elf, const struct elf32_program_header *ph,
		       uint64_t size)
{
	if (ph->type != PT_LOAD || !ph->memsz)
		return 0;
	if (elf->nr == ELF32_SEGMENTS_MAX || ph->filesz > ph->memsz || ph->offset > size ||
	    ph->filesz > size - ph->offset || (uint64_t)ph->paddr + ph->memsz > SIZE_4G)
		return -CL_EINVAL;
	elf->segment[elf->nr++] =
		(struct elf32_segment){ph->offset, ph->filesz, ph->paddr, ph->memsz};
	return 0;
}

int elf32_parse(const void *image, uint64_t size, struct elf32_image *elf, const char **why)
{
	static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', 1 /* 32-bit */, 1 /* little-endian */};
	const uint8_t *p = image;
	uint32_t at = find_header(p, size), flags;
	struct elf32_header eh;

	*elf = (struct elf32_image){.nr = 0};
	*why = "it is neither a Linux kernel nor a Multiboot ELF32 file";
	if (!at || size < sizeof(eh))
		return -CL_EINVAL;
	memcpy(&eh, p, sizeof(eh));
	if (memcmp(eh.ident, ident, sizeof(ident)) || eh.type != ET_EXEC || eh.machine != EM_386)
		return -CL_EINVAL;

	/* Bits 0-15 are demands. Video modes (2) and load addresses outside ELF (16) are not met.
	 */
	memcpy(&flags, p + at + 4, sizeof(flags));
	*why = "its Multiboot header asks for what the Core does not give";
	if (flags & 0x1ffff & ~(uint32_t)(MB1_HEADER_ALIGN_MODS | MB1_HEADER_MEMORY_INFO))
		return -CL_EINVAL;

	*why = "its ELF headers are malformed";
	if (eh.phentsize != sizeof(struct elf32_program_header) || eh.phoff > size ||
	    (uint64_t)eh.phnum * eh.phentsize > size - eh.phoff)
		return -CL_EINVAL;
	for (uint32_t i = 0; i < eh.phnum; i++) {
		struct elf32_program_header ph;

		memcpy(&ph, p + eh.phoff + i * sizeof(ph), sizeof(ph));
		if (add_segment(elf, &ph, size))
			return -CL_EINVAL;
	}
	for (unsigned int i = 0; i < elf->nr; i++) {
		const struct elf32_segment *s = &elf->segment[i];

		if (eh.entry >= s->address && eh.entry - s->address < s->mem_size) {
			elf->entry = eh.entry;
			return 0;
		}
	}
	return -CL_EINVAL;
}
