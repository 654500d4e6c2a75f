// SPDX-License-Identifier: Apache-2.0
#include "boot/acpi.h"
#include "boot/ap.h"
#include "boot/paging.h"
#include "cpu/clock.h"
#include "cpu/msr.h"
#include "lib/log.h"
#include "lib/pool.h"
#include "lib/string.h"
#include "svm/apic.h"
#include "svm/smp.h"

#define LOW_END	    0xa0000ull /* start-up interrupts reach the pages below */
#define STACK_PAGES 8u
#define INIT_MS	    10u
#define STARTUP_MS  10u
#define PATIENCE_MS 20000u

extern const uint8_t ap_trampoline[], ap_trampoline_end[];

/* Of the CPU that starts at the moment; ap_entry.S reads the first two. */
uint32_t ap_stack, ap_number;
static bool started;

void ap_started(void)
{
	__atomic_store_n(&started, true, __ATOMIC_SEQ_CST);
}

static bool wait_started(uint64_t ms)
{
	uint64_t end = rdtsc() + clock_ticks(ms);

	while (!__atomic_load_n(&started, __ATOMIC_SEQ_CST) && rdtsc() < end)
		__asm__ volatile("pause");
	return __atomic_load_n(&started, __ATOMIC_SEQ_CST);
}

/* The last whole page of RAM below 640 KiB. The host may have something there: it comes back. */
static uint64_t low_page(const struct boot_info *bi)
{
	uint64_t page = 0;

	for (unsigned i = 0; i < bi->nr_map; i++) {
		uint64_t end = bi->map[i].base + bi->map[i].size;

		end = ALIGN_DOWN(end < LOW_END ? end : LOW_END, PAGE_SIZE);
		if (bi->map[i].type == MEM_RAM && end >= bi->map[i].base + PAGE_SIZE &&
		    end - PAGE_SIZE > page)
			page = end - PAGE_SIZE;
	}
	return page;
}

/* A stack with an unmapped page below it. */
static uint32_t make_stack(void)
{
	uint8_t *pages = pages_alloc(1 + STACK_PAGES);

	if (!pages || paging_unmap(virt_to_phys(pages)))
		panic("not enough Core memory for a CPU");
	return (uint32_t)virt_to_phys(pages + (1 + STACK_PAGES) * PAGE_SIZE);
}

static void start(uint32_t apic_id, uint64_t page)
{
	uint8_t vector = (uint8_t)(page >> PAGE_SHIFT);

	started = false;
	ap_stack = make_stack();
	ap_number = nr_cpus;
	apic_send_init(apic_id);
	wait_started(INIT_MS);
	apic_send_startup(apic_id, vector);
	if (!wait_started(STARTUP_MS))
		apic_send_startup(apic_id, vector);
	if (!wait_started(PATIENCE_MS))
		panic("CPU with APIC ID %u does not start", apic_id);
}

void ap_start_all(const struct boot_info *bi)
{
	uint32_t id[CPUS_MAX];
	unsigned n = acpi_cpus(bi->rsdp, id, CPUS_MAX);
	uint64_t page = low_page(bi);
	void *saved = page_alloc();

	if (!page || !saved)
		panic("no memory below 640 KiB to start other CPUs");
	memcpy(saved, phys_to_virt(page), PAGE_SIZE);
	memcpy(phys_to_virt(page), ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
	for (unsigned i = 0; i < n; i++) {
		if (id[i] != this_cpu()->apic_id)
			start(id[i], page);
	}
	memcpy(phys_to_virt(page), saved, PAGE_SIZE);
	page_free(saved);
	log_info("%u CPUs", nr_cpus);
}
