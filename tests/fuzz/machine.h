/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine with a little RAM on which the Core's real sources run as a part of a fuzz target.
 *
 * The Core runs on an identity map, so RAM lies at the same low addresses in the target's own
 * address space. core_main() starts as on the boot CPU and is left at its first svm_enter(); from
 * then on the target plays CPU, host and guests.
 */
#ifndef FUZZ_MACHINE_H
#define FUZZ_MACHINE_H

#include "fuzz.h"
#include "svm/cpu.h"
#include "svm/frame.h"
#include "zone/zone.h"

#define OPTION_ROMS 0xc0000ull	  /* none: zeros */
#define RAM_BASE    0x10000000ull /* the host's: one whole 2 MiB region and a part of the next */
#define RAM_FRAMES  576u
#define RAM_END	    (RAM_BASE + RAM_FRAMES * PAGE_SIZE)
#define CORE_BASE   0x10400000ull
#define CORE_SIZE   0x1000000ull
#define RAM_PFN	    (RAM_BASE >> PAGE_SHIFT)

/* The host's nested tables, one for each guest: PML4, PDPT, directory, two tables; 4 MiB each. */
#define TABLES	    3u
#define TABLE_PAGES 5u
#define TABLE_SPAN  1024u /* pages that a table maps */

/* Start the Core, once. */
void machine_init(void);

/* The next run may take memory of the Core for good. */
void machine_warm(void);

/* RAM and tables as at the start of each run. */
void machine_begin(void);

/* All zones end, shadows go; nothing may be left of them. */
void machine_end(void);

/* What must hold between any two steps: see docs/fuzzing.md. */
void machine_check(void);

/* The address of a frame of the host's RAM. */
static inline uint64_t ram(uint64_t frame)
{
	return RAM_BASE + frame % RAM_FRAMES * PAGE_SIZE;
}

/* The host writes at a physical address: where it gets to, faulting as often as it must. */
uint8_t *host_reach(uint64_t pa);

/* The host writes an entry of its nested table: guest page number < TABLE_SPAN. */
void host_map(unsigned table, uint64_t gpn, uint64_t entry);
uint64_t host_root(unsigned table);

/* The guest with this table, ASID table + 1, executes PROTECT. NULL if the Core refuses. */
struct zone *host_launch(unsigned table, const struct cl_launch_desc *desc, uint64_t window);

/* Time in TSC ticks; one millisecond is 1000. */
extern uint64_t machine_clock;

/* 64 bits of a page; 0 if it is all zero. */
uint64_t page_hash(const void *page);

/* What an entry of a guest flushes. */
void machine_flush_guests(void);

/* Every page_seal() comes here, with hashes of what was sealed and of the ciphertext. */
typedef void seal_fn(struct zone *z, uint64_t gpn, uint64_t version, uint64_t plaintext,
		     uint64_t ciphertext);
extern seal_fn *machine_sealed;

/* What the CPU does when it is entered. */
typedef void enter_fn(struct vmcb *vmcb, uint64_t *gpr);
extern enter_fn *machine_enter;

#endif
