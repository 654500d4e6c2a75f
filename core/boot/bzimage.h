/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux kernel images and boot parameters: Linux, Documentation/arch/x86/boot.rst and
 * zero-page.rst. Offsets below are the same in the file and in boot_params.
 */
#ifndef CORE_BOOT_BZIMAGE_H
#define CORE_BOOT_BZIMAGE_H

#include "boot/memmap.h"

/* What the header says, checked. */
struct bzimage {
	uint64_t setup_size;   /* the kernel proper starts here in the file */
	uint64_t kernel_size;  /* … and has this many bytes */
	uint64_t header_end;   /* end of the setup header in the file */
	uint64_t init_size;    /* memory that the kernel needs from its load address on */
	uint64_t pref_address; /* where it wants to be, aligned */
	uint64_t alignment;
	uint64_t initrd_end; /* the initrd must end at or below this */
	uint64_t cmdline_max;
	bool relocatable;
};

/* Where everything lies that the kernel is told about; addresses are physical, below 4 GiB. */
struct linux_boot {
	uint64_t kernel;
	uint64_t initrd, initrd_size;
	uint64_t cmdline;
	uint64_t rsdp;		  /* 0 = let the kernel search */
	const struct memmap *map; /* E820 for the kernel */
	bool vga_text;		  /* the screen is in 80x25 text mode */
};

/* Does the file claim to be a Linux kernel? */
bool bzimage_probe(const void *image, uint64_t size);

/* Check the header. 0, or a negative CL_E* and *why. */
int bzimage_parse(const void *image, uint64_t size, struct bzimage *bz, const char **why);

/* Fill the page of boot_params. */
void bzimage_boot_params(uint8_t page[PAGE_SIZE], const void *image, const struct bzimage *bz,
			 const struct linux_boot *lb);

/*
 * The host's command line from a module's string. The first word is left out if it is a file
 * name: always if `named` (QEMU names its modules), else if it starts with '/' or '(' as GRUB's
 * file names do and no kernel option does.
 */
int linux_cmdline(char *out, uint64_t size, const char *string, bool named);

#endif
