// SPDX-License-Identifier: Apache-2.0
#include <cloister/call.h>
#include "lib/pool.h"
#include "svm/apic.h"
#include "svm/cpu.h"
#include "svm/frame.h"
#include "svm/ioapic.h"
#include "svm/shadow.h"
#include "svm/smp.h"
#include "svm/walk.h"
#include "zone/page.h"

/*
 * All shadows together may hold a quarter of the pool: they are TLBs and can be dropped at any
 * time, while zones cannot do without their memory.
 */
static uint64_t shadow_quota(void)
{
	return pool_pages() / 4 / HOST_ASIDS / nr_cpus;
}

/* The CPU that the shadow belongs to is not in a guest, and flushes before it is again. */
static void drop(struct shadow *s)
{
	npt_clear(&s->npt, 0, 511, frame_uncount_shadow);
}

/* One of this CPU's own. */
static void drop_own(struct shadow *s)
{
	drop(s);
	this_cpu()->flush_guests = true;
}

void shadow_drop_all(void)
{
	/* First out of the guests: their CPUs hold translations of what goes, and walk the tables.
	 */
	epoch_advance(&guest_epoch);
	smp_shoot(&guest_epoch);
	for (unsigned c = 0; c < nr_cpus; c++) {
		for (unsigned i = 0; i < HOST_ASIDS; i++)
			drop(&cpus[c]->shadows.by_asid[i]);
	}
	page_drop_shared_views();
}

void shadow_flush(struct shadows *s, uint32_t tlb_control, uint32_t asid)
{
	if (tlb_control == TLB_KEEP)
		return;
	for (unsigned i = 0; i < HOST_ASIDS; i++) {
		if (tlb_control == TLB_FLUSH_ALL || i == asid)
			drop_own(&s->by_asid[i]);
	}
}

int shadows_init(struct shadows *all)
{
	int r = 0;

	for (unsigned i = 0; i < HOST_ASIDS && !r; i++)
		r = npt_init(&all->by_asid[i].npt, 0);
	return r;
}

struct shadow *shadow_get(struct shadows *all, uint32_t asid, uint64_t ncr3, bool nested_paging)
{
	struct shadow *s = &all->by_asid[asid];

	s->npt.quota = shadow_quota();
	if (s->ncr3 != ncr3 || s->nested_paging != nested_paging) {
		drop_own(s);
		s->ncr3 = ncr3;
		s->nested_paging = nested_paging;
	}
	return s;
}

int shadow_install(struct npt *npt, uint64_t gpa, const struct nested_leaf *leaf, uint64_t deny,
		   unsigned max_level)
{
	uint64_t pa = frame_host_view(ALIGN_DOWN(leaf->pa, PAGE_SIZE)), *old;
	/* Write access only once the host's table says dirty, so that it learns of writes. */
	uint64_t flags = PTE_A | PTE_D | (leaf->flags & PTE_NX) | (deny & PTE_NX);
	unsigned level = NPT_4K, old_level;

	if ((leaf->flags & PTE_W) && (leaf->flags & PTE_D) && !(deny & PTE_W) &&
	    !apic_is_page(pa) && !door_page(pa))
		flags |= PTE_W;
	if (max_level >= NPT_2M && leaf->level >= NPT_2M && frame_region_uniform(leaf->pa)) {
		level = NPT_2M;
		pa = ALIGN_DOWN(leaf->pa, NPT_SIZE(level));
	}
	gpa = ALIGN_DOWN(gpa, NPT_SIZE(level));
	old = npt_leaf(npt, gpa, &old_level);
	/* Another translation is in the way: a TLB may hold it, so the caller drops it and flushes.
	 */
	if (old && (old_level != level || (*old & PTE_ADDR) != pa))
		return -CL_EEXIST;
	int r = npt_map(npt, gpa, pa, flags, level);

	if (!r && !old)
		frame_count_shadow(pa, level);
	return r;
}

int shadow_fault(struct shadow *s, uint64_t gpa, uint64_t info, uint64_t *error)
{
	struct nested_leaf leaf = {
		.pa = gpa, .flags = PTE_W | PTE_D, .level = s->nested_paging ? NPT_4K : 3};

	*error = info;
	/* No address of memory, whatever a CPU without paging puts into it. */
	if (gpa >> cpu_phys_bits() || gpa >> NPT_ADDRESS_BITS)
		return -CL_EPERM;
	if (s->nested_paging) {
		uint64_t bits;
		int r = nested_walk(s->ncr3, gpa, info, &leaf, &bits);

		if (r) {
			*error = (info & ~(NPF_P | NPF_RSV)) | bits;
			return r;
		}
	}
	/* It would never become writable (shadow_install): not for guests of the host. */
	if (apic_is_page(leaf.pa) && (info & NPF_W))
		return -CL_EPERM;
	/* A guest of the host reaches for a zone's frame: the same as if the host did. */
	page_surrender_frame(leaf.pa >> PAGE_SHIFT);
	/* Full, or a leaf of another size in the way: it is a TLB, start afresh. */
	if (shadow_install(&s->npt, gpa, &leaf, 0, NPT_2M)) {
		drop_own(s);
		if (!shadow_install(&s->npt, gpa, &leaf, 0, NPT_4K))
			return 0;
		shadow_drop_all();
		if (shadow_install(&s->npt, gpa, &leaf, 0, NPT_4K))
			return -CL_ENOMEM;
	}
	return 0;
}
