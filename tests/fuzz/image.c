// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for the offline side of a launch: kernel, initrd and command line of a stranger
 * become a launch image. What launch_build() makes, the Core takes (launch_check) and the loader
 * can place (plan_make); the file has the size that it says; the ACPI tables' sums are right.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "bzimage.h"
#include "fuzz.h"
#include "launch.h"
#include "../../loader/plan.h"

int launch_check(
	const struct cl_launch_desc *d); /* core/zone/launch.h has the other launch.h's name */

static void check_sum(const uint8_t *table, size_t size)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + table[i]);
	require(!sum);
}

static uint64_t le(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

/* Follow RSDP → XSDT → tables, all inside the region. */
static void check_acpi(const struct launch *l)
{
	const uint8_t *r = l->acpi;

	require(!memcmp(r, "RSD PTR ", 8));
	check_sum(r, 20);
	check_sum(r, 36);
	uint64_t xsdt = le(r + 24, 8) - LAUNCH_ACPI, size;

	require(xsdt < ACPI_REGION_BYTES - 36);
	size = le(r + xsdt + 4, 4);
	require(size >= 36 && size <= ACPI_REGION_BYTES - xsdt);
	check_sum(r + xsdt, size);
	for (uint64_t at = xsdt + 36; at + 8 <= xsdt + size; at += 8) {
		uint64_t table = le(r + at, 8) - LAUNCH_ACPI;

		require(table < ACPI_REGION_BYTES - 36);
		uint64_t bytes = le(r + table + 4, 4);

		require(bytes >= 36 && bytes <= ACPI_REGION_BYTES - table);
		check_sum(r + table, bytes);
	}
}

static void check_plan(const struct launch *l)
{
	static struct cl_launch_header header;
	struct plan_place place = {
		.loader = {0x100000, 0x140000},
		.map_count = 2,
		.map = {{0, CL_ZONE_LOW_RAM_END}, {CL_ZONE_HIGH_RAM, 80ull << 30}},
		.image = {0x200000, 0x200000 + l->file_bytes},
	};
	struct plan plan;

	header.magic = CL_LAUNCH_MAGIC;
	header.version = CL_LAUNCH_VERSION;
	header.file_bytes = l->file_bytes;
	enum plan_error e = plan_make(&plan, &header, &l->desc, &place);

	/* A kernel that wants to be where the loader is cannot be told before it is there. */
	require(e == PLAN_OK || e == PLAN_SEG_LOADER);
}

static void check_built(const struct launch *l, const struct launch_input *in)
{
	uint8_t digest[CL_DIGEST_SIZE], again[CL_DIGEST_SIZE];
	uint64_t bytes = 2 * CL_PAGE_SIZE;

	require(!launch_check(&l->desc));
	require(l->desc.nr_segs == LAUNCH_PARTS);
	for (unsigned i = 0; i < LAUNCH_PARTS; i++) {
		const struct launch_part *p = &l->part[i];

		require(p->gpa == l->desc.seg[i].gpa && p->bytes == l->desc.seg[i].size);
		require(p->data_bytes <= p->bytes && p->bytes - p->data_bytes < CL_PAGE_SIZE);
		bytes += p->bytes;
	}
	require(bytes == l->file_bytes);
	/* The digits that the Core will write are zeros of the command line. */
	const char *digits = (const char *)l->cmdline + (l->desc.tsc_khz_gpa - LAUNCH_CMDLINE);

	require(!memcmp(digits, "00000000", 9));
	require(!memcmp(l->cmdline, in->cmdline, strlen(in->cmdline)));
	require(l->boot_params[0x1e8] >= 5 && l->boot_params[0x1e8] <= 6);
	check_acpi(l);
	check_plan(l);
	require(!launch_digest(l, digest) && !launch_digest(l, again));
	require(!memcmp(digest, again, sizeof(digest)));
	int fd = memfd_create("launch", 0);

	require(fd >= 0 && !launch_write(l, fd, 0, 0, 1));
	require(lseek(fd, 0, SEEK_CUR) == (off_t)l->file_bytes);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct launch l;
	struct input in = {data, size};
	uint64_t memory = take(&in, 2) << 20;
	uint32_t vcpus = take(&in, 1) & 3;
	size_t initrd_bytes = take(&in, 1), cmdline_bytes = take(&in, 2) % 5000;
	char *cmdline = calloc(1, cmdline_bytes + 1), err[LAUNCH_ERR] = "";
	uint8_t *initrd = malloc(initrd_bytes + 1);

	require(cmdline && initrd);
	take_bytes(&in, initrd, initrd_bytes);
	take_bytes(&in, cmdline, cmdline_bytes);
	uint8_t *kernel = exact_copy(in.at, in.left);
	uint8_t *exact_initrd = exact_copy(initrd, initrd_bytes);
	struct launch_input li = {
		.kernel = kernel,
		.kernel_bytes = in.left,
		.initrd = exact_initrd,
		.initrd_bytes = initrd_bytes,
		.cmdline = cmdline,
		.memory = memory,
		.vcpus = vcpus,
	};

	if (launch_build(&l, &li, err))
		require(err[0] && strnlen(err, sizeof(err)) < sizeof(err));
	else
		check_built(&l, &li);
	free(kernel);
	free(exact_initrd);
	free(initrd);
	free(cmdline);
	return 0;
}
