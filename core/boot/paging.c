// SPDX-License-Identifier: Apache-2.0
/*
 * Identity map of all physical memory (AMD APM vol. 2, section 5.3). The Core's image is mapped in
 * 4 KiB pages: code read-execute, constants read-only; the page below the boot stack not at all.
 * All else is read-write, no-execute. Below 4 GiB pages are 2 MiB, since MTRRs change there at
 * finer grain than 1 GiB; above, 1 GiB where the CPU can.
 */
#include "boot/image.h"
#include "boot/paging.h"
#include "cpu/msr.h"
#include "lib/pool.h"

#define PTE_P	  BIT64(0)
#define PTE_W	  BIT64(1)
#define PTE_LARGE BIT64(7)
#define PTE_NX	  BIT64(63)
#define PTE_ADDR  0x000ffffffffff000ull

static uint64_t page_flags(uint64_t pa)
{
	if (pa >= virt_to_phys(core_text_start) && pa < virt_to_phys(core_text_end))
		return PTE_P;
	if (pa >= virt_to_phys(core_rodata_start) && pa < virt_to_phys(core_rodata_end))
		return PTE_P | PTE_NX;
	if (pa == virt_to_phys(boot_stack_guard))
		return 0;
	return PTE_P | PTE_W | PTE_NX;
}

/* The table that an entry points to, made if need be; NULL without memory. */
static uint64_t *next_table(uint64_t *entry)
{
	if (!*entry) {
		void *page = page_alloc();

		if (!page)
			return NULL;
		*entry = virt_to_phys(page) | PTE_P | PTE_W;
	}
	return phys_to_virt(*entry & PTE_ADDR);
}

static bool in_image(uint64_t pa, uint64_t size)
{
	return pa + size > virt_to_phys(core_image_start) && pa < virt_to_phys(core_image_end);
}

/* Map the 2 MiB at pa. */
static int map_2m(uint64_t *entry, uint64_t pa)
{
	uint64_t *table;

	if (!in_image(pa, SIZE_2M)) {
		*entry = pa | PTE_P | PTE_W | PTE_NX | PTE_LARGE;
		return 0;
	}
	table = next_table(entry);
	if (!table)
		return -CL_ENOMEM;
	for (unsigned int i = 0; i < 512; i++)
		table[i] = (pa + i * PAGE_SIZE) | page_flags(pa + i * PAGE_SIZE);
	return 0;
}

/* Map the 1 GiB at pa. */
static int map_1g(uint64_t *entry, uint64_t pa, bool large)
{
	uint64_t *table;

	if (large && pa >= SIZE_4G) {
		*entry = pa | PTE_P | PTE_W | PTE_NX | PTE_LARGE;
		return 0;
	}
	table = next_table(entry);
	if (!table)
		return -CL_ENOMEM;
	for (unsigned int i = 0; i < 512; i++)
		if (map_2m(&table[i], pa + i * SIZE_2M))
			return -CL_ENOMEM;
	return 0;
}

static uint64_t *pml4;

int paging_unmap(uint64_t pa)
{
	uint64_t *pdpt = phys_to_virt(pml4[pa >> 39 & 511] & PTE_ADDR);
	uint64_t *entry =
		(uint64_t *)phys_to_virt(pdpt[pa >> 30 & 511] & PTE_ADDR) + (pa >> 21 & 511);

	if (*entry & PTE_LARGE) {
		uint64_t *table = page_alloc(), all = *entry & ~PTE_LARGE;

		if (!table)
			return -CL_ENOMEM;
		for (unsigned int i = 0; i < 512; i++)
			table[i] = all + i * PAGE_SIZE;
		*entry = virt_to_phys(table) | PTE_P | PTE_W;
	}
	((uint64_t *)phys_to_virt(*entry & PTE_ADDR))[pa >> 12 & 511] = 0;
	paging_load();
	return 0;
}

void paging_load(void)
{
	write_cr3(virt_to_phys(pml4));
}

int paging_init(uint64_t top)
{
	bool large = cpuid(0x80000001, 0).edx & BIT64(26);

	pml4 = page_alloc();
	if (!pml4)
		return -CL_ENOMEM;
	if (top < SIZE_4G)
		top = SIZE_4G;
	for (uint64_t pa = 0; pa < top; pa += SIZE_1G) {
		uint64_t *pdpt = next_table(&pml4[pa >> 39 & 511]);

		if (!pdpt || map_1g(&pdpt[pa >> 30 & 511], pa, large))
			return -CL_ENOMEM;
	}
	paging_load();
	return 0;
}
