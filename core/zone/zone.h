/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A zone: its pages, its window, its vCPUs. Data only; who does what:
 *
 *   launch.c  PROTECT makes one           zone.c    table of zones, end, scrubbing
 *   page.c    owners of pages             window.c  which pages are open
 *   vcpu.c    entry and exit of a vCPU    exit.c    what each exit does
 *   start.c   how further vCPUs start
 */
#ifndef CORE_ZONE_ZONE_H
#define CORE_ZONE_ZONE_H

#include <cloister/call.h>
#include <cloister/launch.h>
#include "cipher/page_cipher.h"
#include "insn/mmio.h"
#include "svm/cpu.h"
#include "svm/npt.h"

#define ZONES_MAX 32u /* live and dead together; dead ones make room for new ones */

/*
 * The private state of one guest page. A page never touched is all zeros.
 *
 *                 first touch            victim of the window, idle
 *       ABSENT ───────────────► OPEN ◄──────────────────────► SEALED
 *         ▲ ▲                   │  ▲   next touch               │
 *         │ │   host touches it │  │ next touch                 │ host touches it
 *         │ │                   ▼  │                            ▼
 *         │ │                 SURRENDERED ◄─────────────────────┘
 *         │ └ touch with C=1
 *       SHARED ◄──── touch with C=0 in any state
 */
enum page_state {
	PAGE_ABSENT = 0,
	PAGE_OPEN = 1,	      /* plaintext in frame pfn, in the zone's table */
	PAGE_SEALED = 2,      /* ciphertext in frame pfn */
	PAGE_SURRENDERED = 3, /* ciphertext wherever the host keeps it */
	PAGE_SHARED = 4,      /* the zone uses the host's page at this address */
};

struct page_rec {
	uint64_t version; /* of the last seal; counts up, never restarts */
	uint8_t tag[PAGE_CIPHER_TAG_SIZE];
	uint32_t pfn;	    /* OPEN, SEALED: the frame */
	uint32_t slot : 27; /* OPEN: index in zone.open_list */
	uint32_t state : 3; /* enum page_state */
	uint32_t age : 2;   /* OPEN: idle scans since the last access */
};
_Static_assert(sizeof(struct page_rec) == 32, "128 records a page");

#define RECS_PER_PAGE (PAGE_SIZE / sizeof(struct page_rec))

/* What a zone's vCPU is waiting for the host to do. */
enum pending_op {
	PEND_NONE,
	PEND_PORT_OUT,
	PEND_PORT_IN,
	PEND_MMIO_WRITE,
	PEND_MMIO_READ,
	PEND_HLT,
	PEND_MSR_WRITE,
};

/* vmcb12_pa of a vCPU that no VMCB stands for. */
#define NO_VMCB12 (~0ull)

/* The first vCPU is ON from the launch; the zone starts the others: start.c. */
enum vcpu_state {
	VCPU_OFF,
	VCPU_INIT,     /* the zone has sent it INIT … */
	VCPU_STARTING, /* … and a start-up interrupt: the host may bring a VMCB for it */
	VCPU_ON,
};

struct zone_vcpu {
	struct zone *zone;
	unsigned id; /* APIC ID */
	enum vcpu_state state;
	const struct cpu *on; /* the CPU that runs it at the moment */
	struct vmcb *vmcb;    /* all of the state that the CPU keeps */
	uint64_t gpr[16];
	uint8_t *fpu;		     /* XSAVE area while the zone does not run */
	uint64_t xcr0, tsc_aux, xss; /* the last two: the host's while the zone runs */
	struct debug_regs debug;     /* as the zone sees them */

	uint8_t startup_vector;
	uint8_t icr_dest; /* of the interrupt command that it is about to write */
	bool flat;	  /* paging not yet on since the start: addresses are private as they are */

	struct vmcb_save face;	 /* what the host sees instead of the real registers */
	enum pending_op pending; /* the host's answer that the next entry completes */
	uint8_t pending_length;	 /* bytes that the host must step over */
	uint8_t real_length;	 /* bytes of the zone's own instruction */
	uint8_t port_size;
	struct mmio_op mmio; /* PEND_MMIO_READ: where the answer goes */

	uint64_t irq[4]; /* vectors accepted from the host, not yet taken */
	bool nmi_pending, nmi_masked;
	bool broken;	   /* the Core itself met a page that failed its integrity check */
	uint64_t injected; /* EVENTINJ of the last entry */

	struct npt view;	  /* shared side; its root also leads to the zone's private side */
	uint64_t view_ncr3;	  /* the host's table that the shared side shadows */
	uint64_t host_tsc_offset; /* guest TSC as the host computes it */
	uint64_t tsc_deadline;	  /* as the zone wrote it last */
	uint32_t host_asid;	  /* the host's ASID for this vCPU at its last entry */
	struct epoch_seen seen;	  /* of zone.epoch */
	const struct cpu *last_cpu; /* where it ran last */
};
_Static_assert(sizeof(struct zone_vcpu) <= PAGE_SIZE, "a page each");

struct zone {
	enum cl_zone_state state;
	unsigned slot; /* index in the table of zones */
	uint64_t instance, handle;
	char reason[64];
	uint8_t digest[CL_DIGEST_SIZE];
	uint64_t memory_bytes, policy;
	uint64_t nr_pages; /* guest pages of RAM */
	uint32_t window;   /* most OPEN pages */
	uint32_t idle_ms;

	const struct page_key *key; /* between zone_key_begin and zone_key_end only */
	struct npt npt;		    /* private side, addresses without the C-bit */
	struct epoch epoch;	    /* of npt and of the vCPU's shared side */

	struct page_rec **recs; /* nr_pages records, a page of them at a time */
	size_t recs_pages;	/* pages of the array of pointers */
	uint64_t recs_promised; /* pages of records still to be taken */

	uint32_t *open_list; /* page indices of all OPEN pages, in no order */
	size_t open_list_pages;
	uint32_t nr_open, hand; /* CLOCK */
	uint64_t released;	/* ENDING: pages below this index are scrubbed and given back */
	bool reaping;		/* ENDING: a CPU is at it */
	uint32_t scan_left;	/* pages that the idle scan under way has not seen */
	uint64_t next_scan;	/* TSC of the next idle scan */

	bool took_frames; /* some frame was the zone's, or watched for it */
	unsigned nr_vcpus;
	struct zone_vcpu *vcpu[CL_ZONE_VCPUS_MAX]; /* a page each, until the end */
	uint64_t vmcb12_pa[CL_ZONE_VCPUS_MAX];	   /* the host's VMCB that stands for each */
	struct cl_launch_desc *desc;		   /* while it is launching: the Core's copy */
	struct cl_zone_info stats;		   /* the counters in it are kept up to date */
};

/* Position of the C-bit: MAXPHYADDR - 1, at most 47. */
unsigned zone_cbit(void);

void zones_init(void);

/* A slot for a new zone, with an instance number; the longest dead one makes room. NULL if full. */
struct zone *zone_new(void);
/* Undo zone_new after a failed launch: nothing remains. */
void zone_discard(struct zone *z);

/*
 * Around sealing and opening pages of a zone: derive its key into a place that this CPU has for
 * it, and wipe it again. Vector registers are the Core's in between.
 */
void zone_key_begin(struct zone *z);
void zone_key_end(struct zone *z);

struct zone *zone_by_slot(unsigned slot);
struct zone *zone_by_vmcb12(uint64_t pa, unsigned *id); /* live or ended; and which vCPU */
struct zone *zone_by_instance(uint64_t instance);
struct zone *zone_by_handle(uint64_t handle);
struct zone *zone_after(uint64_t instance);
unsigned zones_live(void);

/*
 * End a live zone: no vCPU of it is in the guest from the return on. Its memory is scrubbed and
 * given back by zones_reap; why it ended is kept.
 */
void zone_kill(struct zone *z, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Finish zones that have ended, when no CPU holds registers of theirs any more. Gives up the lock
 * between pieces of the work: call it where nothing is half done.
 */
void zones_reap(void);

/* Every live zone: f(zone). */
void zones_each(void (*f)(struct zone *z));

/* Wipe keys and open pages, before the machine stops. */
void zones_scrub(void);

#endif
