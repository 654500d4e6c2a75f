// SPDX-License-Identifier: Apache-2.0
#include "lib/log.h"
#include "lib/pool.h"
#include "lib/string.h"
#include "svm/frame.h"
#include "svm/smp.h"
#include "svm/walk.h"
#include "trace/trace.h"
#include "zone/page.h"
#include "zone/vcpu.h"
#include "zone/watch.h"
#include "zone/window.h"

/* How much of a zone that ended is scrubbed before other CPUs have their turn. */
#define RELEASE_PAGES 1024u

static void trace(const struct zone *z, uint64_t index, const char *what)
{
	if (trace_mask & CL_TRACE_PAGES)
		log_info("trace: zone %lu page 0x%lx %s", z->instance,
			 page_gpa(z, index) >> PAGE_SHIFT, what);
}

int64_t page_index(const struct zone *z, uint64_t gpa)
{
	uint64_t low =
		z->memory_bytes < CL_ZONE_LOW_RAM_END ? z->memory_bytes : CL_ZONE_LOW_RAM_END;

	if (gpa < low)
		return (int64_t)(gpa >> PAGE_SHIFT);
	if (gpa >= CL_ZONE_HIGH_RAM && gpa - CL_ZONE_HIGH_RAM < z->memory_bytes - low)
		return (int64_t)((gpa - CL_ZONE_HIGH_RAM + low) >> PAGE_SHIFT);
	return -CL_ENOENT;
}

bool page_in_hole(uint64_t gpa)
{
	return gpa >= CL_ZONE_HOLE_START && gpa < CL_ZONE_HOLE_END;
}

uint64_t page_gpa(const struct zone *z, uint64_t index)
{
	uint64_t offset = index << PAGE_SHIFT;

	return offset < CL_ZONE_LOW_RAM_END ? offset
					    : offset - CL_ZONE_LOW_RAM_END + CL_ZONE_HIGH_RAM;
}

struct page_rec *page_rec(struct zone *z, uint64_t index)
{
	struct page_rec **page = &z->recs[index / RECS_PER_PAGE];

	if (!*page) {
		*page = page_alloc_promised();
		z->recs_promised--;
	}
	return *page + index % RECS_PER_PAGE;
}

static uint64_t gpn_of(const struct zone *z, uint64_t index)
{
	return page_gpa(z, index) >> PAGE_SHIFT;
}

/* Put a page into the zone's table. */
static int map_private(struct zone *z, uint64_t index, uint64_t pfn)
{
	return npt_map(&z->npt, page_gpa(z, index), pfn << PAGE_SHIFT, PTE_W | PTE_A | PTE_D,
		       NPT_4K);
}

void page_unmap(struct zone *z, uint64_t index)
{
	uint64_t *leaf = npt_leaf(&z->npt, page_gpa(z, index), NULL);

	ASSERT(leaf);
	*leaf = 0;
	epoch_advance(&z->epoch);
}

void page_seal_unmapped(struct zone *z, uint64_t index)
{
	struct page_rec *rec = page_rec(z, index);

	ASSERT(rec->state == PAGE_OPEN && smp_quiet(&z->epoch));
	rec->version++;
	page_seal(z->key, gpn_of(z, index), rec->version,
		  phys_to_virt((uint64_t)rec->pfn << PAGE_SHIFT), rec->tag);
	window_remove(z, rec);
	rec->state = PAGE_SEALED;
	frame_set_sealed(rec->pfn, true);
	z->stats.sealed_pages++;
	z->stats.seals++;
	trace(z, index, "sealed");
}

bool page_test_clear_accessed(struct zone *z, uint64_t index)
{
	uint64_t *leaf = npt_leaf(&z->npt, page_gpa(z, index), NULL);

	ASSERT(leaf);
	bool accessed = *leaf & PTE_A;

	if (accessed) {
		*leaf &= ~PTE_A;
		epoch_advance(&z->epoch);
	}
	return accessed;
}

/* What the host's table says of gpa, and will say until the host has told the Core otherwise. */
static int watched_walk(struct zone_vcpu *v, uint64_t gpa, struct nested_leaf *leaf)
{
	uint64_t error;

	for (unsigned i = 0; i < 2; i++) {
		if (nested_walk(v->view_ncr3, gpa, NPF_W, leaf, &error))
			return -CL_EFAULT;
		if (watch_is_on(v->zone, gpa, leaf))
			return 0;
		int r = watch_table(v->zone, gpa, leaf);

		if (r)
			return r;
	}
	return -CL_EFAULT; /* it changes all the time: the host may try again */
}

/* The frame that the host's table gives this vCPU for gpa, taken from the host. */
static int take_frame(struct zone_vcpu *v, uint64_t gpa, uint64_t *pfn)
{
	struct nested_leaf leaf;
	int r = watched_walk(v, gpa, &leaf);

	if (r)
		return r;
	*pfn = leaf.pa >> PAGE_SHIFT;
	/* A frame of another page or zone: its owner loses it first, like at any touch. */
	page_surrender_frame(*pfn);
	/* An address that is no RAM of the host cannot hold a page; the host sees a fault. */
	if (frame_state(*pfn) != FRAME_HOST)
		return -CL_EFAULT;
	/* In its own shared side, most likely. What only concerns the zone costs others nothing. */
	if (v->zone->state == CL_ZONE_LIVE && frame_in_shadows(*pfn))
		page_drop_views(v->zone);
	return frame_claim(*pfn, v->zone->slot, (uint32_t)(gpa >> PAGE_SHIFT));
}

static int open_page(struct zone *z, uint64_t index, struct page_rec *rec, uint64_t pfn)
{
	int r = map_private(z, index, pfn);

	if (r)
		return r;
	rec->pfn = (uint32_t)pfn;
	rec->state = PAGE_OPEN;
	rec->age = 0;
	window_add(z, index, rec);
	return 0;
}

static int decrypt(struct zone *z, uint64_t index, struct page_rec *rec, uint64_t pfn)
{
	int r;

	zone_key_begin(z);
	r = page_open(z->key, gpn_of(z, index), rec->version, phys_to_virt(pfn << PAGE_SHIFT),
		      rec->tag);
	zone_key_end(z);
	return r;
}

static int open_sealed(struct zone *z, uint64_t index, struct page_rec *rec)
{
	uint64_t pfn = rec->pfn;

	/* Mapped after that only: other vCPUs walk the table. Its table pages are there already. */
	if (decrypt(z, index, rec, pfn))
		return -CL_EIO;
	frame_set_sealed(pfn, false);
	z->stats.sealed_pages--;
	z->stats.opens++;
	trace(z, index, "opened");
	return open_page(z, index, rec, pfn);
}

/* A frame arrives from the host: fresh (zeroed, or kept at launch), or with our ciphertext. */
static int open_from_host(struct zone_vcpu *v, uint64_t index, struct page_rec *rec, bool keep)
{
	struct zone *z = v->zone;
	uint64_t pfn;
	int r = take_frame(v, page_gpa(z, index), &pfn);

	if (r)
		return r;
	if (rec->state == PAGE_SURRENDERED) {
		if (decrypt(z, index, rec, pfn)) {
			frame_release(pfn);
			return -CL_EIO;
		}
	} else if (!keep) {
		memset(phys_to_virt(pfn << PAGE_SHIFT), 0, PAGE_SIZE);
	}
	enum page_state was = (enum page_state)rec->state;

	r = open_page(z, index, rec, pfn);
	if (r) {
		/* No table page: the contents are lost to the zone, so it cannot go on. */
		memset(phys_to_virt(pfn << PAGE_SHIFT), 0, PAGE_SIZE);
		frame_release(pfn);
		return r;
	}
	z->stats.surrendered_pages -= was == PAGE_SURRENDERED;
	z->stats.opens += was == PAGE_SURRENDERED;
	z->stats.shared_pages -= was == PAGE_SHARED;
	trace(z, index, was == PAGE_SURRENDERED ? "came back" : "first touch");
	return 0;
}

int page_touch_private(struct zone_vcpu *v, uint64_t gpa)
{
	struct zone *z = v->zone;
	int64_t index = page_index(z, gpa);

	if (index < 0 || page_in_hole(gpa))
		return -CL_ENOENT;
	struct page_rec *rec = page_rec(z, (uint64_t)index);

	if (rec->state == PAGE_OPEN)
		return 0;
	window_make_room(z);
	if (rec->state == PAGE_SEALED)
		return open_sealed(z, (uint64_t)index, rec);
	return open_from_host(v, (uint64_t)index, rec, false);
}

int page_claim_contents(struct zone_vcpu *v, uint64_t gpa, void **contents)
{
	struct zone *z = v->zone;
	int64_t index = page_index(z, gpa);

	if (index < 0 || page_in_hole(gpa))
		return -CL_ENOENT;
	struct page_rec *rec = page_rec(z, (uint64_t)index);

	if (rec->state != PAGE_ABSENT)
		return -CL_EINVAL;
	window_make_room(z);
	int r = open_from_host(v, (uint64_t)index, rec, true);

	if (!r)
		*contents = phys_to_virt((uint64_t)rec->pfn << PAGE_SHIFT);
	return r;
}

/* Take a private page out of the zone, whatever its state; its frame, if any, is zeroed. */
static void make_absent(struct zone *z, uint64_t index, struct page_rec *rec)
{
	if (rec->state == PAGE_OPEN) {
		page_unmap(z, index);
		smp_shoot(&z->epoch);
		window_remove(z, rec);
	} else if (rec->state == PAGE_SEALED) {
		z->stats.sealed_pages--;
	} else if (rec->state == PAGE_SURRENDERED) {
		z->stats.surrendered_pages--;
	}
	if (rec->state == PAGE_OPEN || rec->state == PAGE_SEALED) {
		memset(phys_to_virt((uint64_t)rec->pfn << PAGE_SHIFT), 0, PAGE_SIZE);
		frame_release(rec->pfn);
	}
	rec->state = PAGE_ABSENT;
}

int page_touch_shared(struct zone_vcpu *v, uint64_t gpa, uint64_t info, uint64_t *error)
{
	struct zone *z = v->zone;
	int64_t index = page_index(z, gpa);
	struct nested_leaf leaf;
	uint64_t bits;

	if (index >= 0 && !page_in_hole(gpa)) {
		struct page_rec *rec = page_rec(z, (uint64_t)index);

		if (rec->state != PAGE_SHARED) {
			make_absent(z, (uint64_t)index, rec);
			rec->state = PAGE_SHARED;
			z->stats.shared_pages++;
			trace(z, (uint64_t)index, "shared");
		}
	}
	if (nested_walk(v->view_ncr3, gpa, info, &leaf, &bits)) {
		*error = (info & ~(NPF_P | NPF_RSV)) | bits;
		return -CL_EFAULT;
	}
	page_surrender_frame(leaf.pa >> PAGE_SHIFT);
	/* Never executable; one page at a time, as its neighbours may be private. */
	int r = shadow_install(&v->view, gpa, &leaf, PTE_NX, NPT_4K);

	if (r) {
		page_drop_views(z);
		r = shadow_install(&v->view, gpa, &leaf, PTE_NX, NPT_4K);
	}
	if (r) {
		page_drop_shared_views();
		r = shadow_install(&v->view, gpa, &leaf, PTE_NX, NPT_4K);
	}
	return r ? -CL_ENOMEM : 0;
}

/* The record of the page at gpa, if it is held in that frame; else NULL. */
static struct page_rec *held_in(struct zone *z, uint64_t gpa, uint64_t pfn, uint64_t *index)
{
	int64_t i = page_index(z, gpa);

	if (i < 0 || !z->recs[(uint64_t)i / RECS_PER_PAGE])
		return NULL;
	struct page_rec *rec = page_rec(z, (uint64_t)i);

	*index = (uint64_t)i;
	return (rec->state == PAGE_OPEN || rec->state == PAGE_SEALED) && rec->pfn == pfn ? rec
											 : NULL;
}

static void surrender(struct zone *z, uint64_t index, struct page_rec *rec)
{
	if (rec->state == PAGE_OPEN)
		page_seal_unmapped(z, index);
	rec->state = PAGE_SURRENDERED;
	z->stats.sealed_pages--;
	z->stats.surrendered_pages++;
	z->stats.surrenders++;
	frame_release(rec->pfn);
	trace(z, index, "surrendered");
}

void page_surrender_range(struct zone *z, uint64_t gpa, uint64_t pfn, uint64_t n)
{
	uint64_t index, open = 0;
	struct page_rec *rec;

	for (uint64_t i = 0; i < n; i++) {
		rec = held_in(z, gpa + (i << PAGE_SHIFT), pfn + i, &index);
		if (rec && rec->state == PAGE_OPEN) {
			page_unmap(z, index);
			open++;
		}
	}
	if (open) {
		smp_shoot(&z->epoch);
		zone_key_begin(z);
	}
	for (uint64_t i = 0; i < n; i++) {
		rec = held_in(z, gpa + (i << PAGE_SHIFT), pfn + i, &index);
		if (rec)
			surrender(z, index, rec);
	}
	if (open)
		zone_key_end(z);
}

bool page_surrender_frame(uint64_t pfn)
{
	enum frame_state state = frame_state(pfn);
	unsigned slot;
	uint32_t gpn;

	if (state == FRAME_TABLE) {
		watch_break(pfn);
		return true;
	}
	if (state != FRAME_OPEN && state != FRAME_SEALED)
		return false;
	frame_owner(pfn, &slot, &gpn);
	page_surrender_range(zone_by_slot(slot), (uint64_t)gpn << PAGE_SHIFT, pfn, 1);
	ASSERT(frame_state(pfn) == FRAME_HOST);
	return true;
}

bool page_release_some(struct zone *z)
{
	for (uint64_t end = z->released + RELEASE_PAGES; z->released < z->nr_pages; z->released++) {
		if (z->released >= end)
			return true;
		if (!z->recs[z->released / RECS_PER_PAGE]) {
			z->released |= RECS_PER_PAGE - 1;
			continue;
		}
		struct page_rec *rec = page_rec(z, z->released);

		if (rec->state == PAGE_OPEN || rec->state == PAGE_SEALED) {
			memset(phys_to_virt((uint64_t)rec->pfn << PAGE_SHIFT), 0, PAGE_SIZE);
			frame_release(rec->pfn);
		}
		rec->state = PAGE_ABSENT;
	}
	return false;
}

void page_drop_views(struct zone *z)
{
	epoch_advance(&z->epoch);
	smp_shoot(&z->epoch);
	for (unsigned i = 0; i < z->nr_vcpus; i++)
		vcpu_drop_view(z->vcpu[i]);
}

void page_drop_shared_views(void)
{
	zones_each(page_drop_views);
}
