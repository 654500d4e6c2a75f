// SPDX-License-Identifier: Apache-2.0
// Reads the setup header of a bzImage. The file is the host's, so every field is checked before
// use; a kernel that does not fit the one way in which zones start is refused, never adapted.
#include "bzimage.h"
#include <errno.h>
#include <string.h>

#define PROTOCOL_MIN	   0x020cu /* xloadflags */
#define LOADED_HIGH	   0x01u
#define XLF_KERNEL_64	   0x0001u
#define SECTOR		   512u
#define SETUP_SECTS_LEGACY 4u
#define LOAD_MIN	   (1ull << 20)
#define LOAD_ALIGN	   (2ull << 20)
#define LOAD_END	   (2ull << 30)

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static int refuse(const char **why, const char *reason)
{
	*why = reason;
	return -EINVAL;
}

int bzimage_parse(struct bzimage *bz, const uint8_t *file, size_t bytes, const char **why)
{
	if (bytes < BZ_HEADER_MAX_END)
		return refuse(why, "too short to be a kernel");
	if (get16(file + BZ_BOOT_FLAG) != 0xaa55 || memcmp(file + BZ_MAGIC, "HdrS", 4))
		return refuse(why, "not a bzImage (no setup header)");
	if (get16(file + BZ_VERSION) < PROTOCOL_MIN)
		return refuse(why, "boot protocol older than 2.12");

	uint32_t end = BZ_MAGIC + file[BZ_JUMP_LENGTH];
	if (end < BZ_HEADER_NEEDED_END || end > BZ_HEADER_MAX_END)
		return refuse(why, "setup header of impossible length");
	if (!(file[BZ_LOADFLAGS] & LOADED_HIGH))
		return refuse(why, "kernel does not load high (zImage)");
	if (!(get16(file + BZ_XLOADFLAGS) & XLF_KERNEL_64))
		return refuse(why, "kernel has no 64-bit entry point");

	uint32_t sects = file[BZ_SETUP_SECTS] ? file[BZ_SETUP_SECTS] : SETUP_SECTS_LEGACY;
	size_t payload_at = (size_t)(sects + 1) * SECTOR;
	// What follows (a signature, for one) is not part of the kernel.
	uint64_t payload = (uint64_t)get32(file + BZ_SYSSIZE) * 16;
	if (payload <= BZ_ENTRY_64)
		return refuse(why, "kernel has no protected-mode part");
	if (payload_at > bytes || payload > bytes - payload_at)
		return refuse(why, "kernel is cut short");

	uint64_t load = get32(file + BZ_PREF_ADDRESS) | (uint64_t)get32(file + BZ_PREF_ADDRESS + 4)
								<< 32;
	uint64_t init_size = get32(file + BZ_INIT_SIZE);
	if (load < LOAD_MIN || load % LOAD_ALIGN || load >= LOAD_END)
		return refuse(why, "preferred load address out of range");
	if (init_size < payload)
		return refuse(why, "init_size smaller than the kernel itself");

	*bz = (struct bzimage){
		.header_end = end,
		.payload = file + payload_at,
		.payload_bytes = payload,
		.load = load,
		.init_size = init_size,
		.initrd_max = get32(file + BZ_INITRD_ADDR_MAX),
		.cmdline_max = get32(file + BZ_CMDLINE_SIZE),
	};
	return 0;
}

int initrd_looks_right(const uint8_t *file, size_t bytes)
{
	// init/initramfs.c and lib/decompress.c in the kernel's source.
	static const struct {
		uint8_t bytes;
		char magic[7];
	} known[] = {
		{6, "070701"},		 // cpio newc
		{6, "070702"},		 // cpio newc with checksums
		{2, "\x1f\x8b"},	 // gzip
		{4, "\x28\xb5\x2f\xfd"}, // zstd
		{6, "\xfd\x37zXZ\0"},	 // xz
		{4, "\x02\x21\x4c\x18"}, // lz4, legacy frame
		{3, "BZh"},		 // bzip2
		{3, "\x5d\x00\x00"},	 // lzma
		{4, "\x89\x4c\x5a\x4f"}, // lzo
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (bytes > known[i].bytes && !memcmp(file, known[i].magic, known[i].bytes))
			return 1;
	return 0;
}
