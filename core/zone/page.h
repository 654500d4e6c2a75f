/* SPDX-License-Identifier: Apache-2.0 */
/* Who owns a zone's pages: every change of enum page_state happens here. */
#ifndef CORE_ZONE_PAGE_H
#define CORE_ZONE_PAGE_H

#include "zone/zone.h"

/* Guest-physical address (no C-bit) to page index; -CL_ENOENT outside the zone's RAM. */
int64_t page_index(const struct zone *z, uint64_t gpa);
bool page_in_hole(uint64_t gpa); /* VGA and ROMs below 1 MiB: no RAM of the zone */
uint64_t page_gpa(const struct zone *z, uint64_t index);

/* The record of a page; its memory was promised at launch. */
struct page_rec *page_rec(struct zone *z, uint64_t index);

/*
 * The zone touches a page through the C-bit: afterwards it is OPEN and in the zone's table.
 * 0, or
 *   -CL_EFAULT  the host must map the address first (reflect a #NPF)
 *   -CL_ENOMEM  no Core memory
 *   -CL_EIO     what the host gave back is not what was sealed: the caller ends the zone
 *   -CL_ENOENT  no RAM of the zone there
 */
int page_touch_private(struct zone_vcpu *v, uint64_t gpa);

/*
 * The zone touches a page without the C-bit. A private page becomes the host's, zeroed. The
 * address need not be RAM. 0, or -CL_EFAULT with *error for the host as shadow_fault.
 */
int page_touch_shared(struct zone_vcpu *v, uint64_t gpa, uint64_t info, uint64_t *error);

/*
 * Take a page of the host as private during launch, with what it holds. As page_touch_private,
 * but the page must be ABSENT (else -CL_EINVAL).
 */
int page_claim_contents(struct zone_vcpu *v, uint64_t gpa, void **contents);

/* OPEN → SEALED, for window.c; the caller has flushed (page_unmap first). */
void page_unmap(struct zone *z, uint64_t index);
void page_seal_unmapped(struct zone *z, uint64_t index);

/*
 * Host, another guest or a device table reaches for a frame: if it belongs to a zone, seal it and
 * let go; if a zone's table is watched there, that ends. True if there was something to do.
 */
bool page_surrender_frame(uint64_t pfn);

/* The same for those of the zone's n pages from gpa on that are in the n frames from pfn on. */
void page_surrender_range(struct zone *z, uint64_t gpa, uint64_t pfn, uint64_t n);

/* A page's accessed bit since the last call; clears it. */
bool page_test_clear_accessed(struct zone *z, uint64_t index);

/* Frames of a zone that ends: some more are zeroed and back with the host. False: all are. */
bool page_release_some(struct zone *z);

/* Shared sides are built anew, a zone's or all: a frame that they may map changes hands. */
void page_drop_views(struct zone *z);
void page_drop_shared_views(void);

#endif
