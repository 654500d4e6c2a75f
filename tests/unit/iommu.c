// SPDX-License-Identifier: Apache-2.0
/*
 * The IOMMU's driver against an IOMMU of the test's own, in a thread: what QEMU's does not do,
 * above all an event log. And ACPI's table of IOMMUs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <pthread.h>
#include <sys/mman.h>
#include "boot/acpi.h"
#include "cpu/clock.h"
#include "iommu/iommu.h"
#include "lib/log.h"
#include "lib/pool.h"
#include "svm/npt.h"

#define POOL_PAGES 1200u
#define DEVICE	   0x0008u

uint64_t refused_total;
static char last_log[256];
static unsigned lines;

void panic(const char *fmt, ...)
{
	fprintf(stderr, "panic: %s\n", fmt);
	abort();
}

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(last_log, sizeof(last_log), fmt, ap);
	va_end(ap);
	lines += level == LOG_WARN;
}

/* No poll is ever too early, and the thread answers when the machine lets it. */
uint64_t clock_ticks(uint64_t ms)
{
	return ms < 1000 ? 0 : ms * 300000000;
}

/* ---- the IOMMU ---- */

static volatile uint64_t *mmio;
static uint8_t *table_memory; /* ACPI's tables, below 4 GiB */
static uint32_t ivrs_size, mcfg_size;
static uint64_t invalidated[8];
static volatile unsigned nr_invalidated;
static volatile bool ended;

#define REG(offset) mmio[(offset) / 8]

const uint8_t *acpi_table(uint64_t rsdp, const char *signature, uint32_t *length)
{
	bool ivrs = !memcmp(signature, "IVRS", 4);

	*length = ivrs ? ivrs_size : mcfg_size;
	if (!*length)
		return NULL;
	return table_memory + (ivrs ? 0 : 1024);
}

static void execute(const volatile uint64_t *cmd)
{
	switch (cmd[0] >> 60) {
	case 1:
		assert_true(cmd[0] & 1);
		*(volatile uint64_t *)(uintptr_t)(cmd[0] & 0x000ffffffffffff8ull) = cmd[1];
		break;
	case 3:
		assert_int_equal(cmd[0] >> 32 & 0xffff, 1);
		assert_int_equal(cmd[1] & 7, 3);
		invalidated[nr_invalidated++ % 8] = cmd[1] & ~0xfffull;
		break;
	case 8:
		assert_int_equal(cmd[0] << 4, 0);
		break;
	default:
		fail_msg("command 0x%llx", (unsigned long long)cmd[0]);
	}
}

static void *iommu(void *arg)
{
	while (!ended) {
		if ((REG(0x18) & 0x1001) != 0x1001 || REG(0x2000) == REG(0x2008))
			continue;
		const volatile uint64_t *ring =
			(const volatile uint64_t *)(uintptr_t)(REG(8) & 0x000ffffffffff000ull);

		execute(ring + REG(0x2000) / 8);
		REG(0x2000) = (REG(0x2000) + 16) % PAGE_SIZE;
	}
	return arg;
}

static void log_event(uint64_t first, uint64_t second)
{
	volatile uint64_t *ring =
		(volatile uint64_t *)(uintptr_t)(REG(0x10) & 0x000ffffffffff000ull);

	ring[REG(0x2018) / 8 + 1] = second;
	ring[REG(0x2018) / 8] = first;
	REG(0x2018) = (REG(0x2018) + 16) % PAGE_SIZE;
}

/* ---- tables ---- */

static uint32_t put_ivhd(uint8_t *at, uint8_t type, uint64_t base, uint16_t devid)
{
	memset(at, 0, 28);
	at[0] = type;
	at[1] = 1;
	at[2] = 28;
	at[4] = (uint8_t)devid;
	at[5] = (uint8_t)(devid >> 8);
	memcpy(at + 8, &base, 8);
	at[24] = 1;
	return 28;
}

static void test_ivrs(void **state)
{
	uint8_t t[1024] = {0};
	struct ivrs ivrs;
	uint32_t end = 48;

	assert_int_equal(ivrs_parse(t, 36, &ivrs), -CL_ENOENT);
	assert_int_equal(ivrs_parse(t, 48, &ivrs), -CL_ENOENT);
	end += put_ivhd(t + end, 0x10, 0xfed80000, 0x8);
	end += put_ivhd(t + end, 0x11, 0xfed80000, 0x8);
	end += put_ivhd(t + end, 0x20, 0, 0); /* memory for a device: not looked at */
	end += put_ivhd(t + end, 0x40, 0xf0100000, 0x2002);
	assert_int_equal(ivrs_parse(t, end, &ivrs), 0);
	assert_int_equal(ivrs.nr, 2);
	assert_int_equal(ivrs.unit[0].base, 0xfed80000);
	assert_int_equal(ivrs.unit[0].devid, 8);
	assert_int_equal(ivrs.unit[1].base, 0xf0100000);
	assert_int_equal(ivrs.unit[1].devid, 0x2002);
	for (uint32_t cut = 49; cut < end; cut++) {
		uint8_t *copy = malloc(cut); /* the sanitizer sees the slightest overrun */

		memcpy(copy, t, cut);
		assert_int_equal(ivrs_parse(copy, cut, &ivrs), (cut - 48) % 28 ? -CL_EINVAL : 0);
		free(copy);
	}
	t[48 + 2] = 0;
	assert_int_equal(ivrs_parse(t, end, &ivrs), -CL_EINVAL);
	t[48 + 2] = 23; /* no room for what an IOMMU is */
	assert_int_equal(ivrs_parse(t, end, &ivrs), -CL_EINVAL);
	put_ivhd(t + 48, 0x10, 0xfed80000, 0x8);
	t[48 + 16] = 1; /* a PCI segment */
	assert_int_equal(ivrs_parse(t, end, &ivrs), -CL_ENOSYS);
	put_ivhd(t + 48, 0x10, 1ull << 32, 0x8);
	assert_int_equal(ivrs_parse(t, end, &ivrs), -CL_ENOSYS);
	put_ivhd(t + 48, 0x10, 0xfed81000, 0x8);
	assert_int_equal(ivrs_parse(t, end, &ivrs), -CL_ENOSYS);
	put_ivhd(t + 48, 0x10, 0, 0x8);
	assert_int_equal(ivrs_parse(t, end, &ivrs), -CL_ENOSYS);
	for (unsigned i = 0; i <= IOMMU_MAX; i++)
		put_ivhd(t + 48 + i * 28, 0x10, 0xf0000000 + i * IOMMU_MMIO_SIZE, (uint16_t)i);
	assert_int_equal(ivrs_parse(t, 48 + 28 * IOMMU_MAX, &ivrs), 0);
	assert_int_equal(ivrs_parse(t, 48 + 28 * (IOMMU_MAX + 1), &ivrs), -CL_ENOSPC);
}

/* ---- the driver; in this order ---- */

static struct npt npt;
static uint64_t ecam;

static void test_absent(void **state)
{
	iommu_find(0);
	iommu_start(0x1000);
	assert_string_equal(iommu_name(), "none");
	assert_int_equal(iommus.nr, 0);
	assert_false(iommu_hides(0, ~0ull));
	iommu_unmap(0, 1);
	iommu_poll();
}

static void test_too_old(void **state)
{
	memcpy(table_memory, "IVRS", 4);
	ivrs_size = 48 + put_ivhd(table_memory + 48, 0x10, virt_to_phys(mmio), DEVICE);
	memcpy(table_memory + 4, &ivrs_size, 4);
	REG(0x30) = 0; /* cannot invalidate all */
	iommu_find(0);
	assert_int_equal(iommus.nr, 0);
	assert_memory_equal(table_memory, "IVRS", 4);
}

static void test_start(void **state)
{
	uint8_t sum = 0;

	REG(0x30) = 1 << 6;
	REG(0x20) = 1; /* an exclusion range that firmware left */
	mcfg_size = 60;
	memcpy(table_memory + 1024 + 44, &ecam, 8);
	iommu_find(0);
	assert_int_equal(iommus.nr, 1);
	assert_memory_equal(table_memory, "NONE", 4);
	for (uint32_t i = 0; i < ivrs_size; i++) {
		sum = (uint8_t)(sum + table_memory[i]);
		assert_true(i < 36 || !table_memory[i]);
	}
	assert_int_equal(sum, 0);

	uint64_t base = virt_to_phys(mmio), config = ecam + (DEVICE << 12);

	assert_true(iommu_hides(base, 1) && iommu_hides(base + 0x3fff, 1));
	assert_false(iommu_hides(base + 0x4000, 1) || iommu_hides(base - 1, 1));
	assert_true(iommu_hides(base - 1, 2) && iommu_hides(base & ~0x1fffffull, 1 << 21));
	assert_true(iommu_hides(config, 1) && iommu_hides(config + 0xfff, 1));
	assert_false(iommu_hides(config - 1, 1) || iommu_hides(config + 0x1000, 1));

	assert_int_equal(npt_init(&npt, 16), 0);
	iommu_start(virt_to_phys(npt.root));
	assert_string_equal(iommu_name(), "amd-vi");
	assert_int_equal(REG(0x18), 0x1407); /* HtTunEn as ACPI's flags say */
	assert_int_equal(REG(0x20), 0);
	assert_int_equal(REG(0) & 0x1ff, 511);

	const uint64_t *dte = (const uint64_t *)(uintptr_t)(REG(0) & 0x000ffffffffff000ull);

	for (unsigned i = 0; i < 65536; i++, dte += 4) {
		/* Valid, translated, four levels, read and write; no interrupt remapping. */
		assert_int_equal(dte[0], virt_to_phys(npt.root) | 0x6000000000000803ull);
		assert_true(dte[1] == 1 && !dte[2] && !dte[3]);
	}
}

/* Sections 2.2.3: what the IOMMU makes of a table of npt.c's. Rights are those of all levels. */
static bool translate(uint64_t address, bool write, uint64_t *to)
{
	uint64_t right = write ? BIT64(62) : BIT64(61);
	uint64_t entry = virt_to_phys(npt.root) | 4 << 9 | BIT64(61) | BIT64(62) | 1;
	unsigned level = 4;

	for (;;) {
		const uint64_t *table = phys_to_virt(entry & 0x000ffffffffff000ull);

		entry = table[address >> (3 + 9 * level) & 511];
		if (!(entry & 1) || !(entry & right))
			return false;
		unsigned next = entry >> 9 & 7;

		if (!next)
			break;
		assert_int_equal(next, level - 1);
		level = next;
	}
	uint64_t size = 1ull << (3 + 9 * level);

	*to = (entry & 0x000ffffffffff000ull & ~(size - 1)) | (address & (size - 1));
	return true;
}

static void expect_reached(uint64_t address, bool reached)
{
	uint64_t to = 0;

	for (int write = 0; write < 2; write++) {
		assert_int_equal(translate(address, write, &to), reached);
		if (reached)
			assert_int_equal(to, address);
	}
}

static void test_tables_serve_devices(void **state)
{
	const uint64_t ram = PTE_W | PTE_A | PTE_D | PTE_DMA, device = PTE_W | PTE_A | PTE_NO_DMA;

	assert_int_equal(npt_map(&npt, 0x200000, 0x200000, ram, NPT_2M), 0);
	assert_int_equal(npt_map(&npt, 0x400000, 0x400000, device, NPT_2M), 0);
	assert_int_equal(npt_map(&npt, 0x600000, 0x600000, ram, NPT_4K), 0);
	assert_int_equal(npt_map(&npt, 0x601000, 0x601000, device, NPT_4K), 0);
	expect_reached(0x234567, true);
	expect_reached(0x434567, false);
	expect_reached(0x600fff, true);
	expect_reached(0x601000, false);
	expect_reached(0x602000, false);
	/* Split; take one page; put it back; merge. */
	assert_int_equal(npt_map(&npt, 0x201000, 0x201000, ram, NPT_4K), 0);
	assert_int_equal(npt_map(&npt, 0x401000, 0x401000, device, NPT_4K), 0);
	expect_reached(0x200000, true);
	expect_reached(0x201000, true);
	expect_reached(0x3fffff, true);
	expect_reached(0x402000, false);
	*npt_leaf(&npt, 0x201000, NULL) = PTE_NO_DMA;
	expect_reached(0x201000, false);
	expect_reached(0x202000, true);
	assert_null(npt_leaf(&npt, 0x201000, NULL));
	assert_int_equal(npt_map(&npt, 0x201000, 0x201000, ram, NPT_4K), 0);
	uint64_t *table = npt_merge(&npt, 0x200000, 0x200000, ram);

	assert_non_null(table);
	page_free(table);
	expect_reached(0x201000, true);
	assert_null(npt_merge(&npt, 0x200000, 0x200000, ram));
}

static void expect_invalidated(uint64_t pfn, uint64_t n, uint64_t address)
{
	unsigned before = nr_invalidated;

	iommu_unmap(pfn, n);
	assert_int_equal(nr_invalidated, before + 1);
	assert_int_equal(invalidated[before % 8], address);
}

static void test_unmap(void **state)
{
	/* 2 MiB: bits 19:12 set, bit 20 clear; each bit more doubles it. */
	expect_invalidated(0, 1, 0xff000);
	expect_invalidated(0x1ff, 1, 0xff000);
	expect_invalidated(0x200, 0x200, 0x2ff000);
	expect_invalidated(0x3ff, 2, 0x3ff000);
	expect_invalidated(0x1ff, 2, 0x1ff000);
	expect_invalidated(0x123456, 1, 0x1234ff000);
	expect_invalidated(0, 1ull << 36, 0x7ffffffff000);
	/* More commands than the ring holds. */
	for (unsigned i = 0; i < 1000; i++)
		iommu_unmap(i, 1);
}

static void test_events(void **state)
{
	volatile uint16_t *status = phys_to_virt(ecam + (DEVICE << 12) + 6);

	*status = 0;
	lines = 0;
	iommu_poll();
	assert_int_equal(lines, 0);

	/* One fault: device 01:02.3, write. */
	log_event(2ull << 60 | BIT64(53) | BIT64(32) | 0x0113, 0x1234567890);
	iommu_poll();
	assert_int_equal(lines, 1);
	assert_non_null(strstr(last_log, "device 01:02.3, write to 0x1234567890, event 2; 1 of"));
	assert_int_equal(iommu_blocked, 1);
	assert_int_equal(refused_total, 1);
	assert_int_equal(REG(0x2010), REG(0x2018));

	/* Many, over the end of the ring: one line. */
	for (unsigned i = 0; i < 255; i++)
		log_event(2ull << 60 | 0xff, 0x1000ull * i);
	iommu_poll();
	assert_int_equal(lines, 2);
	assert_non_null(strstr(last_log, "device 00:1f.7, read of 0x0, event 2; 255 of them"));
	assert_int_equal(iommu_blocked, 256);

	/* Another kind of event, and the log full: it is started again. */
	log_event(5ull << 60, 0xabc);
	REG(0x2020) = 1;
	iommu_poll();
	assert_int_equal(lines, 3);
	assert_non_null(strstr(last_log, "read of 0xabc, event 5; 1 of"));
	assert_int_equal(REG(0x18), 0x1407);

	/* A tail that is ahead of its entry: later. */
	REG(0x2020) = 0;
	REG(0x2018) = (REG(0x2018) + 16) % PAGE_SIZE;
	iommu_poll();
	assert_int_equal(lines, 3);
	REG(0x2018) = (REG(0x2018) - 16) % PAGE_SIZE;
	log_event(2ull << 60, 0);
	iommu_poll();
	assert_int_equal(lines, 4);

	/* One that logs nothing says so in its PCI status. */
	*status = 0x800;
	iommu_poll();
	assert_int_equal(lines, 5);
	assert_non_null(strstr(last_log, "no details"));
	assert_int_equal(iommu_blocked, 259);
}

static int setup(void **state)
{
	static pthread_t thread;
	void *low = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	uint8_t *pool = aligned_alloc(PAGE_SIZE, POOL_PAGES * PAGE_SIZE);

	if (low == MAP_FAILED || !pool)
		return -1;
	mmio = (volatile uint64_t *)ALIGN_UP(virt_to_phys(low), IOMMU_MMIO_SIZE);
	table_memory = (uint8_t *)low + (1 << 20);
	ecam = virt_to_phys(low) + (2 << 20);
	pool_init(virt_to_phys(pool), POOL_PAGES * PAGE_SIZE);
	return pthread_create(&thread, NULL, iommu, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ivrs),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_too_old),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_tables_serve_devices),
		cmocka_unit_test(test_unmap),
		cmocka_unit_test(test_events),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
