// SPDX-License-Identifier: Apache-2.0
#include <cloister/call.h>
#include "boot/boot.h"
#include "iommu/iommu.h"
#include "lib/log.h"
#include "lib/pool.h"
#include "svm/apic.h"
#include "svm/epoch.h"
#include "svm/frame.h"
#include "svm/ioapic.h"
#include "svm/shadow.h"
#include "svm/smp.h"

#define STATE_MASK   7ull
#define SLOT_SHIFT   8
#define LEVEL_SHIFT  16
#define GPN_SHIFT    32
#define REGION_SHIFT 21
#define E820_RAM     1u
#define HOST_RAM     (PTE_W | PTE_A | PTE_D | PTE_DMA)
#define HOST_TABLE   (PTE_A | PTE_D | PTE_DMA_READ)

static uint64_t *frames;       /* one word a frame */
static uint64_t nr_frames;     /* RAM ends below this frame number */
static uint32_t *region_large; /* 2 MiB shadow leaves onto each 2 MiB region */
static struct npt host_npt;
static uint64_t decoy; /* what the host finds where Core memory is: a page of its own junk */

static uint64_t word(enum frame_state state, unsigned slot, uint32_t gpn)
{
	return (uint64_t)state | (uint64_t)slot << SLOT_SHIFT | (uint64_t)gpn << GPN_SHIFT;
}

enum frame_state frame_state(uint64_t pfn)
{
	return pfn < nr_frames ? (enum frame_state)(frames[pfn] & STATE_MASK) : FRAME_DEVICE;
}

void frame_owner(uint64_t pfn, unsigned *slot, uint32_t *gpn)
{
	ASSERT(pfn < nr_frames);
	*slot = (unsigned)(frames[pfn] >> SLOT_SHIFT) & 0xff;
	*gpn = (uint32_t)(frames[pfn] >> GPN_SHIFT);
}

bool frame_is_host_ram(uint64_t pa)
{
	enum frame_state state = frame_state(pa >> PAGE_SHIFT);

	return state == FRAME_HOST || state == FRAME_TABLE;
}

uint64_t frame_host_view(uint64_t pa)
{
	return frame_state(pa >> PAGE_SHIFT) == FRAME_CORE || iommu_hides(pa, 1) ? decoy : pa;
}

uint64_t frame_host_root(void)
{
	return virt_to_phys(host_npt.root);
}

bool frame_region_uniform(uint64_t pa)
{
	uint64_t first = ALIGN_DOWN(pa, NPT_SIZE(NPT_2M)) >> PAGE_SHIFT;
	enum frame_state state = frame_state(first);

	if (state != FRAME_HOST && state != FRAME_DEVICE)
		return false;
	if (apic_in_region(pa) || door_in_region(pa) ||
	    iommu_hides(first << PAGE_SHIFT, NPT_SIZE(NPT_2M)))
		return false;
	for (unsigned i = 1; i < 512; i++) {
		if (frame_state(first + i) != state)
			return false;
	}
	return true;
}

static void map_host_page(uint64_t pfn)
{
	/* The table page is there since the claim split it; mapping cannot fail. */
	int r = npt_map(&host_npt, pfn << PAGE_SHIFT, pfn << PAGE_SHIFT, HOST_RAM, NPT_4K);

	ASSERT(!r);
}

bool frame_in_shadows(uint64_t pfn)
{
	return frames[pfn] >> GPN_SHIFT || region_large[pfn >> (REGION_SHIFT - PAGE_SHIFT)];
}

/* A HOST frame on its way to another state: a leaf of its own in the host's table, no shadows. */
static int single_out(uint64_t pfn)
{
	if (frame_state(pfn) != FRAME_HOST)
		return -CL_EPERM;
	/* Split first, by remapping it as it is: the only step that can fail. */
	int r = npt_map(&host_npt, pfn << PAGE_SHIFT, pfn << PAGE_SHIFT, HOST_RAM, NPT_4K);

	if (r)
		return r;
	if (frame_in_shadows(pfn))
		shadow_drop_all();
	ASSERT(!(frames[pfn] >> GPN_SHIFT));
	return 0;
}

/* The host's table has lost rights on a frame: nobody uses them from the return on. */
static void flush_host(uint64_t pfn)
{
	epoch_advance(&host_epoch);
	smp_shoot(&host_epoch);
	ASSERT(smp_quiet(&host_epoch));
	iommu_unmap(pfn, 1);
}

int frame_claim(uint64_t pfn, unsigned slot, uint32_t gpn)
{
	int r = single_out(pfn);

	if (r)
		return r;
	*npt_leaf(&host_npt, pfn << PAGE_SHIFT, NULL) = PTE_NO_DMA;
	frames[pfn] = word(FRAME_OPEN, slot, gpn);
	flush_host(pfn);
	return 0;
}

int frame_watch(uint64_t pfn, unsigned slot, uint32_t gpn, unsigned level)
{
	int r = single_out(pfn);

	if (!r)
		r = npt_map(&host_npt, pfn << PAGE_SHIFT, pfn << PAGE_SHIFT, HOST_TABLE, NPT_4K);
	if (r)
		return r;
	frames[pfn] = word(FRAME_TABLE, slot, gpn) | (uint64_t)level << LEVEL_SHIFT;
	flush_host(pfn);
	return 0;
}

unsigned frame_level(uint64_t pfn)
{
	ASSERT(frame_state(pfn) == FRAME_TABLE);
	return (unsigned)(frames[pfn] >> LEVEL_SHIFT) & 0xff;
}

void frame_unwatch(uint64_t pfn)
{
	ASSERT(frame_state(pfn) == FRAME_TABLE);
	frames[pfn] = word(FRAME_HOST, 0, 0);
	map_host_page(pfn);
	/* More rights than before: who has the old translation flushes before its next entry. */
	epoch_advance(&host_epoch);
	iommu_unmap(pfn, 1);
}

void frame_unwatch_zone(unsigned slot)
{
	for (uint64_t pfn = 0; pfn < nr_frames; pfn++) {
		if (frame_state(pfn) == FRAME_TABLE && ((frames[pfn] >> SLOT_SHIFT) & 0xff) == slot)
			frame_unwatch(pfn);
	}
}

void frame_set_sealed(uint64_t pfn, bool sealed)
{
	unsigned slot;
	uint32_t gpn;

	ASSERT(frame_state(pfn) == (sealed ? FRAME_OPEN : FRAME_SEALED));
	frame_owner(pfn, &slot, &gpn);
	frames[pfn] = word(sealed ? FRAME_SEALED : FRAME_OPEN, slot, gpn);
}

void frame_release(uint64_t pfn)
{
	ASSERT(frame_state(pfn) == FRAME_OPEN || frame_state(pfn) == FRAME_SEALED);
	frames[pfn] = word(FRAME_HOST, 0, 0);
	map_host_page(pfn);
}

void frame_merge_host(void)
{
	/* No CPU walks a table that is freed below. */
	epoch_advance(&host_epoch);
	smp_shoot(&host_epoch);
	for (uint64_t pa = 0; pa < nr_frames << PAGE_SHIFT; pa += NPT_SIZE(NPT_2M)) {
		if (!frame_is_host_ram(pa) || !frame_region_uniform(pa))
			continue;
		uint64_t *table = npt_merge(&host_npt, pa, pa, HOST_RAM);

		if (table)
			iommu_unmap(pa >> PAGE_SHIFT, NPT_SIZE(NPT_2M) >> PAGE_SHIFT);
		page_free(table);
	}
}

void frame_count_shadow(uint64_t pa, unsigned level)
{
	uint64_t pfn = pa >> PAGE_SHIFT;

	if (pfn >= nr_frames || frame_state(pfn) != FRAME_HOST)
		return;
	if (level == NPT_2M)
		region_large[pa >> REGION_SHIFT]++;
	else
		frames[pfn] += BIT64(GPN_SHIFT);
}

void frame_uncount_shadow(uint64_t leaf, unsigned level)
{
	uint64_t pa = leaf & PTE_ADDR, pfn = pa >> PAGE_SHIFT;

	if (pfn >= nr_frames || frame_state(pfn) != FRAME_HOST)
		return;
	if (level == NPT_2M) {
		ASSERT(region_large[pa >> REGION_SHIFT]);
		region_large[pa >> REGION_SHIFT]--;
	} else {
		ASSERT(frames[pfn] >> GPN_SHIFT);
		frames[pfn] -= BIT64(GPN_SHIFT);
	}
}

int frame_map_device(uint64_t gpa)
{
	uint64_t base = ALIGN_DOWN(gpa, NPT_SIZE(NPT_2M));
	/* Devices reach the host's RAM and nothing else, each other neither. */
	uint64_t flags = frame_is_host_ram(gpa) ? HOST_RAM : PTE_W | PTE_A | PTE_D | PTE_NO_DMA;

	if (frame_region_uniform(gpa) && !npt_map(&host_npt, base, base, flags, NPT_2M))
		return 0;
	base = ALIGN_DOWN(gpa, PAGE_SIZE);
	/* These can be read; what is written to them goes through apic.c and ioapic.c. */
	return npt_map(&host_npt, base, frame_host_view(base),
		       apic_is_page(base) || door_page(base) ? flags & ~PTE_W : flags, NPT_4K);
}

void frame_init(const struct boot_info *bi)
{
	uint64_t top = 0;

	for (unsigned i = 0; i < bi->nr_map; i++) {
		uint64_t end = bi->map[i].base + bi->map[i].size;

		if (bi->map[i].type == E820_RAM && end > top)
			top = end;
	}
	top = ALIGN_UP(top, NPT_SIZE(NPT_2M));
	nr_frames = top >> PAGE_SHIFT;
	frames = pages_alloc(ALIGN_UP(nr_frames * 8, PAGE_SIZE) >> PAGE_SHIFT);
	region_large = pages_alloc(ALIGN_UP((top >> REGION_SHIFT) * 4, PAGE_SIZE) >> PAGE_SHIFT);
	void *page = page_alloc();

	if (!frames || !region_large || !page)
		panic("not enough Core memory for the frame table (%lu frames)", nr_frames);
	decoy = virt_to_phys(page);
	for (unsigned i = 0; i < bi->nr_map; i++) {
		const struct mem_range *m = &bi->map[i];

		if (m->type != E820_RAM)
			continue;
		for (uint64_t p = ALIGN_UP(m->base, PAGE_SIZE); p + PAGE_SIZE <= m->base + m->size;
		     p += PAGE_SIZE)
			frames[p >> PAGE_SHIFT] = word(FRAME_HOST, 0, 0);
	}
	for (uint64_t p = bi->core_base; p < bi->core_base + bi->core_size; p += PAGE_SIZE)
		frames[p >> PAGE_SHIFT] = word(FRAME_CORE, 0, 0);
	/*
	 * Tables for every page of RAM as 4 KiB leaves, for devices, and some to spare: the host
	 * can touch at most so many 2 MiB regions of devices before the quota ends it.
	 */
	if (npt_init(&host_npt, (nr_frames >> 9) + 256))
		panic("no memory for the host's page table");
	for (uint64_t pa = 0; pa < top; pa += NPT_SIZE(NPT_2M)) {
		bool whole = frame_region_uniform(pa);

		for (uint64_t p = pa; p < pa + NPT_SIZE(NPT_2M);
		     p += whole ? NPT_SIZE(NPT_2M) : PAGE_SIZE) {
			if (frame_map_device(p))
				panic("no memory for the host's page table");
		}
	}
	if (npt_promise(&host_npt))
		panic("not enough Core memory for the host's page table");
	log_info("frame table at 0x%lx, %lu entries; decoy page 0x%lx", virt_to_phys(frames),
		 nr_frames, decoy);
}
