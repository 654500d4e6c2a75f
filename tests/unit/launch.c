// SPDX-License-Identifier: Apache-2.0
// The launch image: the same files give the same bytes, anything else gives others; what is
// malformed is refused; what comes out is what loader, Core and kernel expect.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/evp.h>
#include <cmocka.h>
#include "acpi.h"
#include "bzimage.h"
#include "launch.h"
#include "plan.h"
#include "size.h"
#include "zone_image.h"

#define MIB	     (1ull << 20)
#define SETUP	     1024u
#define PAYLOAD	     65536u
#define KERNEL_BYTES (SETUP + PAYLOAD + 100u) /* a signature follows */
#define INITRD_BYTES 10000u

static uint8_t kernel[KERNEL_BYTES];
static uint8_t initrd[INITRD_BYTES];
static struct launch_input in;
static struct launch launch;
static char err[LAUNCH_ERR];

static void put(uint32_t at, uint64_t value, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		kernel[at + i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *p, uint32_t bytes)
{
	uint64_t value = 0;
	for (uint32_t i = 0; i < bytes; i++)
		value |= (uint64_t)p[i] << (8 * i);
	return value;
}

static int good(void **state)
{
	for (uint32_t i = 0; i < KERNEL_BYTES; i++)
		kernel[i] = (uint8_t)(i * 7 + i / 256);
	memset(kernel, 0, SETUP);
	put(BZ_SETUP_SECTS, 1, 1);
	put(BZ_SYSSIZE, PAYLOAD / 16, 4);
	put(BZ_BOOT_FLAG, 0xaa55, 2);
	put(BZ_JUMP_LENGTH, 0x6a, 1);
	memcpy(kernel + BZ_MAGIC, "HdrS", 4);
	put(BZ_VERSION, 0x20f, 2);
	put(BZ_LOADFLAGS, 1, 1);
	put(BZ_INITRD_ADDR_MAX, 0x7fffffff, 4);
	put(BZ_XLOADFLAGS, 1, 2);
	put(BZ_CMDLINE_SIZE, 2047, 4);
	put(BZ_PREF_ADDRESS, 16 * MIB, 8);
	put(BZ_INIT_SIZE, 32 * MIB, 4);
	memset(initrd, 0x5a, sizeof(initrd));
	memcpy(initrd, "070701", 6);
	in = (struct launch_input){.kernel = kernel,
				   .kernel_bytes = sizeof(kernel),
				   .initrd = initrd,
				   .initrd_bytes = sizeof(initrd),
				   .cmdline = "console=ttyS0",
				   .memory = 256 * MIB,
				   .vcpus = 1};
	return 0;
}

static void digest_of(uint8_t digest[CL_DIGEST_SIZE])
{
	assert_int_equal(launch_build(&launch, &in, err), 0);
	assert_int_equal(launch_digest(&launch, digest), 0);
}

static void refused(const char *reason)
{
	assert_true(launch_build(&launch, &in, err) < 0);
	if (!strstr(err, reason))
		fail_msg("\"%s\" does not say \"%s\"", err, reason);
}

// The whole file, in memory; to be unmapped.
static uint8_t *written(size_t *bytes)
{
	int fd = memfd_create("launch", 0);
	assert_true(fd >= 0);
	assert_int_equal(launch_write(&launch, fd, 100, 200, 300), 0);
	*bytes = (size_t)lseek(fd, 0, SEEK_END);
	uint8_t *file = mmap(NULL, *bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(file, MAP_FAILED);
	close(fd);
	return file;
}

static void digest_is_of_the_file(void **state)
{
	uint8_t mine[CL_DIGEST_SIZE], theirs[CL_DIGEST_SIZE];
	size_t bytes;

	digest_of(mine);
	uint8_t *file = written(&bytes);
	// <cloister/launch.h>: all but the header page.
	assert_int_equal(EVP_Digest(file + 4096, bytes - 4096, theirs, NULL, EVP_sha384(), NULL),
			 1);
	assert_memory_equal(mine, theirs, sizeof(mine));
	const struct cl_launch_header *header = (const void *)file;
	assert_int_equal(header->magic, CL_LAUNCH_MAGIC);
	assert_int_equal(header->version, CL_LAUNCH_VERSION);
	assert_int_equal(header->window_pages, 100);
	assert_int_equal(header->idle_ms, 200);
	assert_int_equal(header->handle, 300);
	assert_int_equal(header->file_bytes, bytes);
	assert_int_equal(launch.file_bytes, bytes);
	for (size_t i = 0; i < sizeof(header->reserved1); i++)
		assert_int_equal(header->reserved1[i], 0);
	munmap(file, bytes);
}

static void digest_is_deterministic(void **state)
{
	uint8_t a[CL_DIGEST_SIZE], b[CL_DIGEST_SIZE];
	digest_of(a);
	memset(&launch, 0xee, sizeof(launch));
	digest_of(b);
	assert_memory_equal(a, b, sizeof(a));
	// What is behind the kernel proper is no part of it.
	kernel[KERNEL_BYTES - 1] ^= 1;
	digest_of(b);
	assert_memory_equal(a, b, sizeof(a));
}

static void everything_enters_the_digest(void **state)
{
	uint8_t seen[7][CL_DIGEST_SIZE];
	uint32_t n = 0;

	digest_of(seen[n++]);
	kernel[SETUP + PAYLOAD - 1] ^= 1;
	digest_of(seen[n++]);
	good(NULL);
	put(BZ_INIT_SIZE, 33 * MIB, 4);
	digest_of(seen[n++]);
	good(NULL);
	initrd[INITRD_BYTES - 1] ^= 1;
	digest_of(seen[n++]);
	good(NULL);
	// One more zero byte: the same pages, another file.
	uint8_t *longer = calloc(1, INITRD_BYTES + 1);
	memcpy(longer, initrd, INITRD_BYTES);
	in.initrd = longer;
	in.initrd_bytes++;
	digest_of(seen[n++]);
	good(NULL);
	in.cmdline = "console=ttyS1";
	digest_of(seen[n++]);
	good(NULL);
	in.memory += 2 * MIB;
	digest_of(seen[n++]);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < i; j++)
			assert_memory_not_equal(seen[i], seen[j], CL_DIGEST_SIZE);
	free(longer);
}

static void loader_takes_it(void **state)
{
	static const uint64_t sizes[] = {64, 66, 256, 2046, 2048, 2050, 2816, 4096, 65536};
	static struct plan plan;
	struct cl_launch_header header;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t memory = sizes[i] * MIB;
		uint64_t low = memory < CL_ZONE_LOW_RAM_END ? memory : CL_ZONE_LOW_RAM_END;
		in.memory = memory;
		assert_int_equal(launch_build(&launch, &in, err), 0);
		header = (struct cl_launch_header){.magic = CL_LAUNCH_MAGIC,
						   .version = CL_LAUNCH_VERSION,
						   .file_bytes = launch.file_bytes};
		struct plan_place place = {
			.loader = {MIB, MIB + 0x50000},
			.image = {MIB + 0x50000, MIB + 0x50000 + launch.file_bytes},
			.map_count = 2,
			.map = {{0, low}, {CL_ZONE_HIGH_RAM, CL_ZONE_HIGH_RAM + memory - low}},
		};
		enum plan_error e = plan_make(&plan, &header, &launch.desc, &place);
		if (e)
			fail_msg("%lu MiB: %s", (unsigned long)sizes[i], plan_reason(e));
	}
}

static void descriptor_is_what_the_core_accepts(void **state)
{
	digest_of((uint8_t[CL_DIGEST_SIZE]){0});
	const struct cl_launch_desc *d = &launch.desc;
	uint64_t end = 0;
	bool entry = false;

	assert_int_equal(d->magic, CL_DESC_MAGIC);
	assert_int_equal(d->vcpus, 1);
	assert_int_equal(d->policy, 0);
	assert_int_equal(d->reserved0, 0);
	assert_int_equal(d->entry_rip, 16 * MIB + 0x200);
	assert_int_equal(d->entry_rsi, LAUNCH_BOOT_PARAMS);
	for (uint32_t i = 0; i < d->nr_segs; i++) {
		assert_int_equal(d->seg[i].gpa % CL_PAGE_SIZE, 0);
		assert_int_equal(d->seg[i].size % CL_PAGE_SIZE, 0);
		assert_true(d->seg[i].gpa >= end);
		end = d->seg[i].gpa + d->seg[i].size;
		assert_true(end <= CL_ZONE_BOOT_TABLES ||
			    d->seg[i].gpa >=
				    CL_ZONE_BOOT_TABLES + CL_ZONE_BOOT_TABLES_PAGES * CL_PAGE_SIZE);
		entry |= d->entry_rip >= d->seg[i].gpa && d->entry_rip < end;
	}
	assert_true(entry);
	assert_true(end <= in.memory);
	for (uint32_t i = d->nr_segs; i < CL_LAUNCH_SEGS_MAX; i++)
		assert_int_equal(d->seg[i].gpa | d->seg[i].size, 0);
}

static void boot_params_follow_the_protocol(void **state)
{
	in.memory = 3072 * MIB;
	assert_int_equal(launch_build(&launch, &in, err), 0);
	const uint8_t *zp = launch.boot_params;
	uint64_t ram = 0, end = 0;

	for (uint32_t i = 0; i < 0x40; i++)
		assert_int_equal(zp[i], 0); // screen_info
	assert_int_equal(zp[0x1ef], 0);	    // sentinel
	assert_int_equal(zp[BZ_TYPE_OF_LOADER], 0xff);
	assert_int_equal(get(zp + 0x70, 8), LAUNCH_ACPI);
	assert_int_equal(get(zp + BZ_CMD_LINE_PTR, 4), LAUNCH_CMDLINE);
	assert_int_equal(get(zp + BZ_RAMDISK_SIZE, 4), INITRD_BYTES);
	uint64_t at = get(zp + BZ_RAMDISK_IMAGE, 4);
	assert_int_equal(at, CL_ZONE_LOW_RAM_END - 3 * 4096);
	assert_true(at >= 48 * MIB);
	assert_int_equal(zp[0x1e8], 6);
	for (uint32_t i = 0; i < zp[0x1e8]; i++) {
		const uint8_t *entry = zp + 0x2d0 + 20 * i;
		uint64_t start = get(entry, 8), bytes = get(entry + 8, 8);
		assert_true(start >= end && bytes > 0);
		end = start + bytes;
		if (get(entry + 16, 4) == 1)
			ram += bytes;
		if (start == LAUNCH_ACPI)
			assert_int_equal(get(entry + 16, 4), 3);
	}
	assert_int_equal(end, CL_ZONE_HIGH_RAM + 1024 * MIB);
	// All but the ACPI page and what a PC lacks below 1 MiB.
	assert_int_equal(ram, in.memory - 4096 - (CL_ZONE_HOLE_END - LAUNCH_EBDA));
	assert_non_null(strstr((const char *)launch.cmdline, in.cmdline));
}

static uint8_t sum(const uint8_t *p, size_t bytes)
{
	uint8_t total = 0;
	for (size_t i = 0; i < bytes; i++)
		total = (uint8_t)(total + p[i]);
	return total;
}

static const uint8_t *table(const uint8_t *region, uint64_t address, const char *signature)
{
	assert_true(address >= LAUNCH_ACPI && address < LAUNCH_ACPI + ACPI_REGION_BYTES - 36);
	const uint8_t *t = region + (address - LAUNCH_ACPI);
	assert_memory_equal(t, signature, 4);
	return t;
}

static void acpi_tables_are_whole(void **state)
{
	static uint8_t region[ACPI_REGION_BYTES];
	int bytes = acpi_build(region, LAUNCH_ACPI, 1);
	assert_true(bytes > 0 && bytes <= (int)sizeof(region));

	assert_memory_equal(region, "RSD PTR ", 8);
	assert_int_equal(sum(region, 20), 0);
	assert_int_equal(sum(region, 36), 0);
	const uint8_t *xsdt = table(region, get(region + 24, 8), "XSDT");
	assert_int_equal(sum(xsdt, get(xsdt + 4, 4)), 0);
	assert_int_equal(get(xsdt + 4, 4), 36 + 2 * 8);
	const uint8_t *fadt = table(region, get(xsdt + 36, 8), "FACP");
	const uint8_t *madt = table(region, get(xsdt + 44, 8), "APIC");
	assert_int_equal(sum(fadt, get(fadt + 4, 4)), 0);
	assert_int_equal(sum(madt, get(madt + 4, 4)), 0);
	const uint8_t *dsdt = table(region, get(fadt + 140, 8), "DSDT");
	assert_int_equal(sum(dsdt, get(dsdt + 4, 4)), 0);
	assert_int_equal(get(fadt + 40, 4), get(fadt + 140, 8));
	// The compiler of the DSDT leaves no trace.
	assert_memory_equal(dsdt + 28, "CLST\1\0\0\0", 8);
	uint64_t facs = get(fadt + 36, 4);
	assert_int_equal(facs % 64, 0);
	table(region, facs, "FACS");
	assert_int_equal(get(fadt + 48, 4), 0); // SMI_CMD
	assert_int_equal(acpi_build(region, LAUNCH_ACPI, 0), -22);
	assert_int_equal(acpi_build(region, LAUNCH_ACPI, CL_ZONE_VCPUS_MAX + 1), -22);
}

static void bad_kernels(void **state)
{
	static const struct {
		uint32_t at;
		uint64_t value;
		uint32_t bytes;
		const char *reason;
	} bad[] = {
		{BZ_BOOT_FLAG, 0, 2, "not a bzImage"},
		{BZ_MAGIC, 0, 4, "not a bzImage"},
		{BZ_VERSION, 0x20b, 2, "older than 2.12"},
		{BZ_JUMP_LENGTH, 0x61, 1, "impossible length"},
		{BZ_JUMP_LENGTH, 0x8f, 1, "impossible length"},
		{BZ_LOADFLAGS, 0, 1, "does not load high"},
		{BZ_XLOADFLAGS, 2, 2, "no 64-bit entry"},
		{BZ_SYSSIZE, 0, 4, "no protected-mode part"},
		{BZ_SYSSIZE, 0xffffffff, 4, "cut short"},
		{BZ_SYSSIZE, PAYLOAD / 16 + 7, 4, "cut short"},
		{BZ_SETUP_SECTS, 255, 1, "cut short"},
		{BZ_PREF_ADDRESS, 0, 8, "load address"},
		{BZ_PREF_ADDRESS, 16 * MIB + 4096, 8, "load address"},
		{BZ_PREF_ADDRESS, 0xffffffffffe00000, 8, "load address"},
		{BZ_INIT_SIZE, PAYLOAD - 1, 4, "init_size"},
		{BZ_INIT_SIZE, 0xffffffff, 4, "kernel and initrd need"},
		{BZ_INITRD_ADDR_MAX, 40 * MIB, 4, "kernel and initrd need"},
		{BZ_CMDLINE_SIZE, 4, 4, "longer than the 4 bytes"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		good(NULL);
		put(bad[i].at, bad[i].value, bad[i].bytes);
		refused(bad[i].reason);
	}
	good(NULL);
	in.kernel_bytes = 0x28f;
	refused("too short");
	in.kernel_bytes = SETUP + PAYLOAD - 1;
	refused("cut short");
	in.kernel_bytes = SETUP + PAYLOAD;
	assert_int_equal(launch_build(&launch, &in, err), 0);
}

static void bad_inputs(void **state)
{
	initrd[0] = 'x';
	refused("initrd");
	good(NULL);
	in.initrd_bytes = 0;
	refused("initrd");
	good(NULL);
	in.initrd_bytes = 6;
	refused("initrd");
	good(NULL);
	in.memory = 62 * MIB;
	refused("memory");
	in.memory = 64 * MIB + 4096;
	refused("memory");
	in.memory = CL_ZONE_MEMORY_MAX + 2 * MIB;
	refused("memory");
	good(NULL);
	in.vcpus = 0;
	refused("vCPUs");
	in.vcpus = CL_ZONE_VCPUS_MAX + 1;
	refused("vCPUs");
	good(NULL);
	put(BZ_INIT_SIZE, 50 * MIB, 4);
	in.memory = 64 * MIB;
	refused("67 MiB below 2 GiB, the zone has 64 MiB");
}

static void every_initrd_format(void **state)
{
	static const char *const magic[] = {"070702",		"\x1f\x8b", "\x28\xb5\x2f\xfd",
					    "\x02\x21\x4c\x18", "BZh",	    "\x89\x4c\x5a\x4f"};
	for (size_t i = 0; i < sizeof(magic) / sizeof(magic[0]); i++) {
		memcpy(initrd, magic[i], strlen(magic[i]));
		assert_int_equal(launch_build(&launch, &in, err), 0);
	}
}

// Whatever the header says: refused, or an image that the loader would take. ASan watches.
static void fuzzed_kernels(void **state)
{
	uint64_t seed = 1;
	uint32_t accepted = 0;

	for (uint32_t round = 0; round < 20000; round++) {
		good(NULL);
		for (uint32_t n = 0; n < 1 + round % 3; n++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			uint32_t at = 0x1f1 + (uint32_t)(seed >> 33) % (0x268 - 0x1f1);
			kernel[at] = (uint8_t)(seed >> 56);
		}
		if (round % 5 == 0)
			in.kernel_bytes = (size_t)(seed >> 20) % sizeof(kernel);
		if (launch_build(&launch, &in, err)) {
			assert_true(err[0]);
			continue;
		}
		accepted++;
		uint64_t end = 0;
		for (uint32_t i = 0; i < launch.desc.nr_segs; i++) {
			assert_true(launch.desc.seg[i].gpa >= end);
			end = launch.desc.seg[i].gpa + launch.desc.seg[i].size;
			assert_true(launch.part[i].data_bytes <= launch.part[i].bytes);
		}
		assert_true(end <= in.memory);
		uint8_t digest[CL_DIGEST_SIZE];
		if (round % 50 == 0)
			assert_int_equal(launch_digest(&launch, digest), 0);
	}
	assert_true(accepted > 1000);
}

// --- zone.json ---

static char dir[] = "/tmp/cloister-launch-XXXXXX";

static void put_file(const char *name, const void *data, size_t bytes)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, bytes, f), bytes);
	assert_int_equal(fclose(f), 0);
}

#define HASH	  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define START	  "{\"version\":1,\"kernel\":\"k\",\"initrd\":\"i\",\"memory\":\"256M\","
#define DISKS	  "\"rootfs\":\"r\",\"verity\":\"v\",\"roothash\":\"" HASH "\","
#define VOLUME(v) "\"cmdline\":\"\",\"volume\":" v "}"
#define GOOD	  START DISKS "\"cmdline\":\"quiet\",\"ports\":[443,7443]}"

static int make_image(void **state)
{
	static const uint8_t blocks[8192];
	char path[128];
	good(NULL);
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	assert_non_null(mkdtemp(dir));
	put_file("k", kernel, sizeof(kernel));
	put_file("i", initrd, sizeof(initrd));
	put_file("r", blocks, 8192);
	put_file("v", blocks, 4096);
	put_file("odd", blocks, 4097);
	put_file("empty", blocks, 0);
	snprintf(path, sizeof(path), "%s/out", dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof(path), "%s/up", dir);
	assert_int_equal(symlink("../../etc/passwd", path), 0);
	snprintf(path, sizeof(path), "%s/in", dir);
	assert_int_equal(symlink("k", path), 0);
	snprintf(path, sizeof(path), "%s/sub", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	put_file("zone.json", GOOD, strlen(GOOD));
	return 0;
}

static int remove_image(void **state)
{
	static const char *const names[] = {"k",   "i",	 "r",  "v",    "odd",	   "empty",
					    "out", "up", "in", "fifo", "zone.json"};
	char path[128];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/sub", dir);
	rmdir(path);
	return rmdir(dir);
}

static void good_image(void **state)
{
	struct zone_image img;
	struct zone_files files;

	assert_int_equal(zone_image_open(&img, dir, err), 0);
	assert_string_equal(img.cmdline, "quiet cloister.roothash=" HASH);
	assert_int_equal(img.memory, 256 * MIB);
	assert_int_equal(img.nr_ports, 2);
	assert_int_equal(img.ports[1], 7443);
	assert_string_equal(img.volume, "");
	assert_int_equal(img.bytes[ZONE_ROOTFS], 8192);
	assert_int_equal(zone_image_launch(&img, 0, 0, &files, &launch, err), 0);
	assert_int_equal(launch.desc.memory_bytes, 256 * MIB);
	assert_memory_equal(launch.cmdline, img.cmdline, strlen(img.cmdline));
	zone_files_free(&files);
	assert_int_equal(zone_image_launch(&img, 128 * MIB, 4, &files, &launch, err), 0);
	assert_int_equal(launch.desc.memory_bytes, 128 * MIB);
	zone_files_free(&files);
	zone_image_close(&img);
}

static void roothash_enters_the_digest(void **state)
{
	static const char changed[] = START "\"rootfs\":\"r\",\"verity\":\"v\",\"roothash\":\"1"
					    "123456789abcdef0123456789abcdef0123456789abcdef"
					    "0123456789abcdef\",\"cmdline\":\"quiet\"}";
	uint8_t digest[2][CL_DIGEST_SIZE];

	for (int i = 0; i < 2; i++) {
		struct zone_image img;
		struct zone_files files;
		if (i)
			put_file("zone.json", changed, strlen(changed));
		assert_int_equal(zone_image_open(&img, dir, err), 0);
		assert_int_equal(zone_image_launch(&img, 0, 0, &files, &launch, err), 0);
		assert_int_equal(launch_digest(&launch, digest[i]), 0);
		zone_files_free(&files);
		zone_image_close(&img);
	}
	assert_memory_not_equal(digest[0], digest[1], CL_DIGEST_SIZE);
}

static void image_says(const char *json, const char *reason)
{
	struct zone_image img;
	put_file("zone.json", json, strlen(json));
	int rc = zone_image_open(&img, dir, err);
	if (!reason) {
		if (rc)
			fail_msg("%s: %s", json, err);
		zone_image_close(&img);
		return;
	}
	if (rc >= 0 || !strstr(err, reason))
		fail_msg("%s: \"%s\" does not say \"%s\"", json, rc ? err : "accepted", reason);
	for (int i = 0; i < ZONE_FILES; i++)
		assert_int_equal(img.fd[i], -1);
}

static void bad_images(void **state)
{
#define KERNEL(k)                                                                                  \
	"{\"version\":1,\"kernel\":" k ",\"initrd\":\"i\",\"memory\":\"64M\",\"cmdline\":\"\"}"
#define MEMORY(m)                                                                                  \
	"{\"version\":1,\"kernel\":\"k\",\"initrd\":\"i\",\"memory\":" m ",\"cmdline\":\"\"}"
	static const char *const cases[][2] = {
		{START "\"cmdline\":\"\"}", NULL},
		{KERNEL("\"in\""), NULL},
		{KERNEL("\"./k\""), NULL},
		{"", "zone.json:"},
		{"{", "zone.json:1"},
		{"[]", "not a JSON object"},
		{"{\"version\":1,\"version\":1}", "duplicate"},
		{START "\"cmdline\":\"\",\"extra\":1}", "unknown key \"extra\""},
		{"{\"version\":2}", "\"version\" must be 1"},
		{"{\"version\":\"1\"}", "\"version\" must be 1"},
		{"{\"version\":1}", "\"memory\" is missing"},
		{MEMORY("512"), "\"memory\" is not a string"},
		{MEMORY("\"63M\""), "\"memory\": a size"},
		{MEMORY("\"65M\""), "\"memory\": a size"},
		{MEMORY("\"128G\""), "\"memory\": a size"},
		{MEMORY("\"-1\""), "\"memory\": a size"},
		{MEMORY("\"99999999999999999999G\""), "\"memory\": a size"},
		{"{\"version\":1,\"memory\":\"64M\"}", "\"kernel\" is missing"},
		{KERNEL("null"), "\"kernel\" is not a string"},
		{KERNEL("\"\""), "\"kernel\": name of"},
		{KERNEL("\"/etc/passwd\""), "absolute path"},
		{KERNEL("\"../k\""), "\"..\" not allowed"},
		{KERNEL("\"sub/../k\""), "\"..\" not allowed"},
		{KERNEL("\"sub/..\""), "\"..\" not allowed"},
		{KERNEL("\"out\""), "leads out of the image"},
		{KERNEL("\"up\""), "leads out of the image"},
		{KERNEL("\"none\""), "none: No such file"},
		{KERNEL("\"sub\""), "not a regular file"},
		{KERNEL("\"fifo\""), "not a regular file"},
		{KERNEL("\"empty\""), "empty: empty"},
		{START "\"cmdline\":\"a\\nb\"}", "printable ASCII"},
		{START "\"cmdline\":\"\xc3\xa9\"}", "printable ASCII"},
		{START "\"cmdline\":7}", "\"cmdline\" is not a string"},
		{START "\"rootfs\":\"r\",\"cmdline\":\"\"}", "go together"},
		{START "\"roothash\":\"" HASH "\",\"cmdline\":\"\"}", "go together"},
		{START "\"rootfs\":\"odd\",\"cmdline\":\"\"}", "whole 4096-byte blocks"},
		{START DISKS "\"cmdline\":\"cloister.roothash=1\"}", "may not set"},
		{START DISKS "\"cmdline\":\"a -- b\"}", "with --"},
		{START DISKS "\"cmdline\":\"a --\"}", "with --"},
		{START DISKS "\"cmdline\":\"-- b\"}", "with --"},
		{START DISKS "\"cmdline\":\"--a b-- c\"}", NULL},
		{START "\"rootfs\":\"r\",\"verity\":\"v\",\"roothash\":\"AB\",\"cmdline\":\"\"}",
		 "64 lower-case hex digits"},
		{START "\"cmdline\":\"cloister.volume=a:/b\"}", "may not set cloister.volume="},
		{START VOLUME("[]"), "\"volume\": an object"},
		{START VOLUME("{}"), "\"volume\": an object"},
		{START VOLUME("{\"name\":\"a\"}"), "\"volume\": an object"},
		{START VOLUME("{\"name\":\"a\",\"path\":\"/b\",\"c\":1}"), "\"volume\": an object"},
		{START VOLUME("{\"name\":1,\"path\":\"/b\"}"), "\"name\" is not a string"},
		{START VOLUME("{\"name\":\"a\",\"d\":\"/b\"}"), "\"path\" is missing"},
		{START VOLUME("{\"name\":\"\",\"path\":\"/b\"}"), "\"name\": at most"},
		{START VOLUME("{\"name\":\"a b\",\"path\":\"/b\"}"), "\"name\": at most"},
		{START VOLUME("{\"name\":\"-a\",\"path\":\"/b\"}"), "\"name\": at most"},
		{START VOLUME("{\"name\":\"a23456789012345678901234567890123\",\"path\":\"/b\"}"),
		 "\"name\": at most"},
		{START VOLUME("{\"name\":\"a\",\"path\":\"b\"}"), "\"path\": an absolute"},
		{START VOLUME("{\"name\":\"a\",\"path\":\"/\"}"), "\"path\": an absolute"},
		{START VOLUME("{\"name\":\"a\",\"path\":\"/b/../c\"}"), "\"path\": an absolute"},
		{START VOLUME("{\"name\":\"a\",\"path\":\"/b c\"}"), "\"path\": an absolute"},
		{START "\"cmdline\":\"\",\"ports\":443}", "\"ports\": array"},
		{START "\"cmdline\":\"\",\"ports\":[0]}", "\"ports\": 1 to 65535"},
		{START "\"cmdline\":\"\",\"ports\":[65536]}", "\"ports\": 1 to 65535"},
		{START "\"cmdline\":\"\",\"ports\":[\"443\"]}", "\"ports\": 1 to 65535"},
	};
	struct zone_image img;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		image_says(cases[i][0], cases[i][1]);
	assert_true(zone_image_open(&img, "/nonexistent", err) < 0);
	assert_true(zone_image_open(&img, "/etc/passwd", err) < 0);
	assert_non_null(strstr(err, "directory"));
	char *big = malloc(70000);
	memset(big, ' ', 70000);
	big[69999] = '\0';
	image_says(big, "larger than 64 KiB");
	free(big);
}

static void fuzzed_configs(void **state)
{
	uint64_t seed = 7;
	char json[sizeof(GOOD)];
	struct zone_image img;

	for (uint32_t round = 0; round < 3000; round++) {
		memcpy(json, GOOD, sizeof(GOOD));
		for (uint32_t n = 0; n < 1 + round % 4; n++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			json[(seed >> 33) % (sizeof(GOOD) - 1)] = (char)(seed >> 56);
		}
		put_file("zone.json", json, sizeof(GOOD) - 1);
		if (zone_image_open(&img, dir, err) == 0)
			zone_image_close(&img);
		else
			assert_true(err[0]);
	}
}

static void sizes(void **state)
{
	static const char *const bad[] = {"",
					  "M",
					  "-1",
					  "+1",
					  "1 ",
					  " 1",
					  "1T",
					  "1MB",
					  "0x10",
					  "1.5G",
					  "1m",
					  "99999999999999999999",
					  "18446744073709551615K"};
	uint64_t n;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(parse_size(bad[i], &n) < 0);
	assert_int_equal(parse_size("0", &n), 0);
	assert_int_equal(parse_size("4K", &n), 0);
	assert_int_equal(n, 4096);
	assert_int_equal(parse_size("3G", &n), 0);
	assert_int_equal(n, 3ull << 30);
	assert_int_equal(parse_number("65535", 65535, &n), 0);
	assert_true(parse_number("65536", 65535, &n) < 0);
	assert_int_equal(parse_memory("64M", &n), 0);
	assert_int_equal(parse_memory("64G", &n), 0);
	assert_true(parse_memory("63M", &n) < 0);
	assert_true(parse_memory("65M", &n) < 0);
	assert_true(parse_memory("65G", &n) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(digest_is_of_the_file, good),
		cmocka_unit_test_setup(digest_is_deterministic, good),
		cmocka_unit_test_setup(everything_enters_the_digest, good),
		cmocka_unit_test_setup(loader_takes_it, good),
		cmocka_unit_test_setup(descriptor_is_what_the_core_accepts, good),
		cmocka_unit_test_setup(boot_params_follow_the_protocol, good),
		cmocka_unit_test(acpi_tables_are_whole),
		cmocka_unit_test_setup(bad_kernels, good),
		cmocka_unit_test_setup(bad_inputs, good),
		cmocka_unit_test_setup(every_initrd_format, good),
		cmocka_unit_test_setup(fuzzed_kernels, good),
		cmocka_unit_test_setup_teardown(good_image, make_image, remove_image),
		cmocka_unit_test_setup_teardown(roothash_enters_the_digest, make_image,
						remove_image),
		cmocka_unit_test_setup_teardown(bad_images, make_image, remove_image),
		cmocka_unit_test_setup_teardown(fuzzed_configs, make_image, remove_image),
		cmocka_unit_test(sizes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
