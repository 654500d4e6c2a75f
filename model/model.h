/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the harnesses share: bounds, the small machine below the checked sources, and its ghosts.
 *
 * The sources of core/ are the real ones, but for sizes (model/scale): 2 MiB are REGION pages, and
 * there are ZONES zones. Below them the hardware, the page cipher and the nested tables are
 * played by small models: memory.c, cipher.c, tables.c.
 */
#ifndef MODEL_H
#define MODEL_H

#include "lib/types.h"
#include "svm/cpu.h"
#include "svm/frame.h"
#include "svm/npt.h"
#include "svm/walk.h"
#include "zone/page.h"
#include "zone/window.h"
#include "zone/zone.h"

/*
 * MODEL_GPA, MODEL_PFN, MODEL_ENTRY: where a step does its work: at which address, and to which
 * frame and table the host's nested table leads. One run a place; the checker takes far longer for
 * all of them together.
 */
#define REGION (1u << MODEL_REGION_BITS)
#define ZONES  MODEL_ZONES
/* Addresses looked at: RAM, and devices beyond it. Among the RAM are holes, as state DEVICE. */
#define ADDRS		  (MODEL_FRAMES + MODEL_BEYOND)
#define REGIONS		  (ADDRS / REGION)

#define CHECK(cond, what) __CPROVER_assert(cond, what)
#define ASSUME(cond)	  __CPROVER_assume(cond)

bool any_bool(void);
uint8_t any_u8(void);
uint32_t any_u32(void);
uint64_t any_u64(void);
/* Less than n. */
unsigned any_below(unsigned n);

/* Ghost: what a frame holds. */
enum content {
	HOST_DATA, /* of the host's choice: any bytes that are no valid ciphertext */
	ZEROS,
	PLAIN,	/* plaintext of page gpn under key */
	CIPHER, /* that page, sealed as version */
	CORE_DATA,
};
struct ghost_frame {
	enum content content;
	uint8_t key, gpn;
	uint64_t version;
};
extern struct ghost_frame ghost_frame[ADDRS];

/* Ghost: highest version that each zone's key has sealed a page as. */
extern uint64_t ghost_sealed[ZONES][MODEL_PAGES];
extern struct page_key ghost_key; /* this CPU's place for one */

extern bool ghost_fpu; /* between fpu_begin and fpu_end */

/* By which instruction the host writes to a watched table. */
extern enum store { STORE_MOV, STORE_XCHG, STORE_CMPXCHG } host_store;

/* What page_alloc gives next, once; NULL: none. */
extern void *alloc_next;

/* The nested tables: what npt.c builds, without the levels: as npt.h promises. */
struct table {
	uint64_t pml4[2];	 /* of a view: its own side, and the link to the private one */
	uint64_t large[REGIONS]; /* 2 MiB leaf or 0 */
	bool split[REGIONS];	 /* a table of small leaves hangs here */
	uint64_t leaf[ADDRS];
};
enum {
	HOSTS_TABLE,
	PRIVATE_TABLE,
	VIEW_TABLE = PRIVATE_TABLE + ZONES,
	SHADOW_TABLE = VIEW_TABLE + ZONES,
	TABLES = SHADOW_TABLE + MODEL_CPUS
};
/* Objects of their own, not an array: the checker then keeps them apart. */
struct table *table_at(unsigned i);
struct zone *zone_at(unsigned i);
struct zone_vcpu *vcpu_at(unsigned zone); /* its only one */
struct page_rec *rec_at(unsigned zone, unsigned page);
/* What npt_leaf gives out is a copy, so that no pointer leads into a table; this puts it back. */
void tables_settle(void);
/* Where the CPU gets to through a table; 0: nowhere. Flags included. */
uint64_t translation(const struct table *t, unsigned page);

/* Access to what the sources keep to themselves: access_*.c, which include them. */
extern uint64_t model_frames[ADDRS];
extern uint32_t model_region_large[REGIONS];
void frame_access(uint64_t decoy_pa);
uint64_t *zone_last_instance(void);

/* Two CPUs: the one that has the Core's lock, and one that may be in a guest. */
extern struct cpu this_one, other_one;

/*
 * I6. A CPU may have cached any translation; which one is chosen at will. While the other CPU is in
 * its guest, it may use it.
 */
extern unsigned seen_table, seen_addr;
extern uint64_t seen; /* 0: none */
const struct epoch *epoch_of(unsigned table);
bool other_uses_seen(void);
extern bool device_uses_seen; /* the IOMMU may have cached it: only of the host's table */
/* By a CPU or a device, through a translation that may have gone. */
bool still_reached(uint64_t pfn);

/* An arbitrary state; then assume or check that the invariants hold. */
void any_state(void);
void assume_invariants(void);
void check_invariants(void);

#endif
