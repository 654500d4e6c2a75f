/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Linux bzImage, as far as starting it through the 64-bit boot protocol needs
 * (Documentation/arch/x86/boot.rst in the kernel's source).
 */
#ifndef CLOISTER_LAUNCH_BZIMAGE_H
#define CLOISTER_LAUNCH_BZIMAGE_H

#include <stddef.h>
#include <stdint.h>

/* Offsets that the zero page shares with the file. */
#define BZ_SETUP_SECTS	     0x1f1u
#define BZ_SYSSIZE	     0x1f4u
#define BZ_BOOT_FLAG	     0x1feu
#define BZ_JUMP_LENGTH	     0x201u
#define BZ_MAGIC	     0x202u
#define BZ_VERSION	     0x206u
#define BZ_TYPE_OF_LOADER    0x210u
#define BZ_LOADFLAGS	     0x211u
#define BZ_CODE32_START	     0x214u
#define BZ_RAMDISK_IMAGE     0x218u
#define BZ_RAMDISK_SIZE	     0x21cu
#define BZ_CMD_LINE_PTR	     0x228u
#define BZ_INITRD_ADDR_MAX   0x22cu
#define BZ_XLOADFLAGS	     0x236u
#define BZ_CMDLINE_SIZE	     0x238u
#define BZ_PREF_ADDRESS	     0x258u
#define BZ_INIT_SIZE	     0x260u
#define BZ_HEADER_NEEDED_END 0x264u /* up to and with init_size */
#define BZ_HEADER_MAX_END    0x290u /* where the zero page goes on with other things */

#define BZ_ENTRY_64	     0x200u /* offset of the 64-bit entry from the load address */

struct bzimage {
	uint32_t header_end; /* the setup header is file[0x1f1 … header_end) */
	const uint8_t *payload;
	uint64_t payload_bytes;
	uint64_t load;	    /* pref_address */
	uint64_t init_size; /* memory that the kernel needs there before it reads the map */
	uint64_t initrd_max;
	uint32_t cmdline_max; /* without the NUL */
};

/* Check `file` and fill *bz, which then points into it. 0, or -EINVAL with a reason in *why. */
int bzimage_parse(struct bzimage *bz, const uint8_t *file, size_t bytes, const char **why);

/* Is this the start of something that the kernel can unpack as an initrd? */
int initrd_looks_right(const uint8_t *file, size_t bytes);

#endif
