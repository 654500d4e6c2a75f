/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns each physical frame, and the host's nested page table that follows from it.
 *
 * One 8-byte word a frame of RAM, in an array that the log names at boot and
 * docs/memory-layout.md describes (`cl-search` reads it out of RAM dumps):
 *
 *   bits  2:0   enum frame_state
 *   bits 15:8   zone slot     (OPEN, SEALED, TABLE)
 *   bits 23:16  level         (TABLE)
 *   bits 63:32  GPN           (OPEN, SEALED, TABLE)   or   number of shadow leaves (HOST)
 *
 * Invariant: a frame is in the host's table if and only if it is HOST or TABLE, the latter for
 * reading only, and in shadows only if it is HOST; the host's address of Core memory leads to one
 * decoy page instead.
 */
#ifndef CORE_SVM_FRAME_H
#define CORE_SVM_FRAME_H

#include "lib/types.h"
#include "svm/npt.h"

enum frame_state {
	FRAME_DEVICE = 0, /* no RAM here: devices, firmware, nothing */
	FRAME_HOST = 1,
	FRAME_CORE = 2,
	FRAME_OPEN = 3,
	FRAME_SEALED = 4,
	FRAME_TABLE = 5, /* the host's, with leaves of its nested table for a zone: zone/watch.h */
};

struct boot_info;

/* Build the frame table and the host's identity map. Panics if memory does not suffice. */
void frame_init(const struct boot_info *bi);

/* Any address; beyond RAM the answer is FRAME_DEVICE. */
enum frame_state frame_state(uint64_t pfn);

/* The owner of an OPEN or SEALED frame; the zone that a TABLE frame is for, and its first GPN. */
void frame_owner(uint64_t pfn, unsigned *slot, uint32_t *gpn);

/*
 * HOST → OPEN: out of the host's table and of every shadow; from the return on nothing but the
 * Core reaches it. -CL_EPERM if it is not a HOST frame, -CL_ENOMEM if the table could not split.
 */
int frame_claim(uint64_t pfn, unsigned slot, uint32_t gpn);

/* OPEN ↔ SEALED. */
void frame_set_sealed(uint64_t pfn, bool sealed);

/* OPEN or SEALED → HOST. What it holds becomes the host's: seal or zero it first. */
void frame_release(uint64_t pfn);

/*
 * HOST → TABLE: from the return on the host leaves it as it is, until it has asked the Core. It
 * holds entries of that level, the first for gpn. -CL_EPERM, -CL_ENOMEM as frame_claim.
 */
int frame_watch(uint64_t pfn, unsigned slot, uint32_t gpn, unsigned level);
unsigned frame_level(uint64_t pfn);

/* TABLE → HOST. */
void frame_unwatch(uint64_t pfn);

/* All tables of a zone, at its end. */
void frame_unwatch_zone(unsigned slot);

/* After a zone's end: the host's table in large leaves again where it can be. */
void frame_merge_host(void);

/* A shadow gained a leaf onto HOST or DEVICE memory at pa; see shadow.h. */
void frame_count_shadow(uint64_t pa, unsigned level);
void frame_uncount_shadow(uint64_t leaf, unsigned level);

/* Does a shadow or shared side lead to a HOST frame? Perhaps only to others of its region. */
bool frame_in_shadows(uint64_t pfn);

/* The whole 2 MiB region at pa is HOST RAM, or all of it is DEVICE: may be mapped by one leaf. */
bool frame_region_uniform(uint64_t pa);

/* Where an address leads for host and guests: itself, or the decoy for Core memory. */
uint64_t frame_host_view(uint64_t pa);

/* RAM of the host that the Core may read and write on its behalf (nested tables, VMCBs, …). */
bool frame_is_host_ram(uint64_t pa);

uint64_t frame_host_root(void);

/* #NPF of the host on an address that is no zone frame: map devices as they are met. */
int frame_map_device(uint64_t gpa);

#endif
