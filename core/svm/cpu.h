/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One physical CPU under the Core, and what it runs at the moment.
 *
 * The Core is a loop: enter the host, an ordinary guest or a zone; take its exit; handle the exit,
 * which may change what runs next.
 */
#ifndef CORE_SVM_CPU_H
#define CORE_SVM_CPU_H

#include <cloister/call.h>
#include "cipher/page_cipher.h"
#include "cpu/desc.h"
#include "cpu/regs.h"
#include "svm/debugreg.h"
#include "svm/epoch.h"
#include "svm/shadow.h"
#include "svm/vmcb.h"

struct boot_info;
struct zone_vcpu;

enum running {
	RUN_HOST,
	RUN_GUEST,
	RUN_ZONE,
	RUN_WAIT, /* the host's CPU after INIT, before its start-up interrupt */
};

/* A VMRUN of the host in progress: nested.c. */
struct nested {
	uint64_t vmcb12_pa;    /* the host's VMCB */
	struct vmcb *vmcb12;   /* the Core's copy, taken once at VMRUN */
	struct shadow *shadow; /* of an ordinary guest */
	uint64_t injected;     /* EVENTINJ that the host asked for in this entry, else 0 */
	bool opened;	       /* the guest's maps have bits clear for now: open_bits() */
};

/*
 * Lengths of the host's SVM instructions that were decoded before, by address. Decoding walks five
 * pages; KVM has six such instructions and executes each for every exit of every guest. A host that
 * rewrites one in place by one of another length confuses itself only.
 */
#define SKIP_CACHE 16u
struct skip_cache {
	uint64_t rip;
	uint8_t code, length;
};

struct cpu {
	struct cpu *self; /* GS base points here */
	unsigned id;
	uint32_t apic_id;
	enum running run;

	/* smp.c */
	bool in_guest;		   /* has given up the lock to run one, with … */
	const struct epoch *table; /* … translations of this table … */
	uint64_t entered;	   /* … as of this epoch */
	bool wake;
	uint32_t kicks_sent, kicks_taken; /* differ while an NMI of the Core is under way */

	bool init_pending; /* INIT and start-up interrupts of the host: host_ap.c */
	bool startup_pending;
	uint8_t startup_vector;

	struct vmcb *host_vmcb;	 /* the host, always */
	struct vmcb *guest_vmcb; /* the ordinary guest that runs now */
	struct vmcb *core_state; /* the Core's own FS, GS, TR, … for VMLOAD */
	uint64_t gpr[16]; /* of the host and of ordinary guests; RAX and RSP are in the VMCB */

	bool host_gif;	  /* the host's global interrupt flag */
	bool host_svme;	  /* EFER.SVME as the host set it */
	bool nmi_pending; /* for the host, once its GIF is set … */
	bool nmi_masked;  /* … and it is not in its NMI handler */
	uint64_t host_hsave_pa;
	struct epoch_seen host_seen;
	struct skip_cache skip[SKIP_CACHE];
	bool flush_guests; /* a shadow lost leaves: flush before the next guest entry */
	struct epoch_seen guests_seen;
	/* All ones but for what the host lets its guest have: nested.c */
	uint8_t *guest_iopm, *guest_msrpm;

	struct nested nested;
	struct shadows shadows;
	struct zone_vcpu *vcpu; /* the zone's vCPU, while run == RUN_ZONE */

	uint8_t *fpu_scratch; /* XSAVE area: what was live when the Core needed the registers */
	uint8_t *fpu_host;    /* XSAVE area: the host's, while a zone's are live */
	uint64_t xcr0_scratch, xcr0_host;
	const struct zone_vcpu *last_vcpu; /* whose translations the TLB may hold */
	struct page_key *page_key; /* a zone's, between zone_key_begin and zone_key_end only */
	struct debug_regs debug;   /* of the host and of ordinary guests, as they see them */

	bool let_cr0; /* at the next entry: emulator.h */
	struct cl_counters counters;
	struct cpu_desc desc;
};

static inline struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	__asm__("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

/* Where the Core's memory is, for whoever asks. */
extern struct core_memory {
	uint64_t base, bytes;
} core_memory;

/* Refused input of the host or of guests, all kinds; see struct cl_core_info. */
extern uint64_t refused_total;

/* Called by the boot code once the host payload is in place. */
void core_main(struct boot_info *bi) __attribute__((noreturn));

/*
 * Enter a guest and return at its exit. pa: of its VMCB; gpr: loaded, then stored; core_pa: the
 * VMCB page with the Core's own VMLOAD state; host_if: RFLAGS.IF while it runs, which decides
 * about physical interrupts under V_INTR_MASKING (enter.S).
 */
void svm_enter(uint64_t pa, uint64_t *gpr, uint64_t core_pa, bool host_if);

/*
 * Enter with counting and tracing, without the Core's lock meanwhile. table: whose translations the
 * guest uses; the caller has flushed what is older.
 */
void cpu_enter(struct cpu *cpu, struct vmcb *vmcb, uint64_t *gpr, bool host_if,
	       const struct epoch *table);

/* EXIT_NMI: take it in the Core. It was a kick, or it is the host's: nmi_pending. */
void cpu_take_nmi(void);

/* A CPU other than the first, with its own stack, address space and SIMD: never returns. */
void cpu_main(unsigned id) __attribute__((noreturn));

#endif
