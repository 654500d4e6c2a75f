/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual machine control block: AMD APM vol. 2, appendix B; exit codes: appendix C.
 */
#ifndef CORE_SVM_VMCB_H
#define CORE_SVM_VMCB_H

#include "lib/types.h"

/* Intercept words: offset 0x00 … 0x14. Bit numbers are (word * 32 + bit). */
enum intercept {
	ICPT_CR_READ = 0,
	ICPT_CR_WRITE = 16,
	ICPT_DR_READ = 32,
	ICPT_DR_WRITE = 48,
	ICPT_EXCEPTION = 64,
	ICPT_INTR = 96,
	ICPT_NMI,
	ICPT_SMI,
	ICPT_INIT,
	ICPT_VINTR,
	ICPT_CR0_SEL,
	ICPT_RDIDTR,
	ICPT_RDGDTR,
	ICPT_RDLDTR,
	ICPT_RDTR,
	ICPT_WRIDTR,
	ICPT_WRGDTR,
	ICPT_WRLDTR,
	ICPT_WRTR,
	ICPT_RDTSC,
	ICPT_RDPMC,
	ICPT_PUSHF,
	ICPT_POPF,
	ICPT_CPUID,
	ICPT_RSM,
	ICPT_IRET,
	ICPT_SWINT,
	ICPT_INVD,
	ICPT_PAUSE,
	ICPT_HLT,
	ICPT_INVLPG,
	ICPT_INVLPGA,
	ICPT_IOIO,
	ICPT_MSR,
	ICPT_TASK_SWITCH,
	ICPT_FERR_FREEZE,
	ICPT_SHUTDOWN,
	ICPT_VMRUN = 128,
	ICPT_VMMCALL,
	ICPT_VMLOAD,
	ICPT_VMSAVE,
	ICPT_STGI,
	ICPT_CLGI,
	ICPT_SKINIT,
	ICPT_RDTSCP,
	ICPT_ICEBP,
	ICPT_WBINVD,
	ICPT_MONITOR,
	ICPT_MWAIT,
	ICPT_MWAIT_ARMED,
	ICPT_XSETBV,
	ICPT_RDPRU,
	ICPT_WORDS = 6,
};

enum exit_code {
	EXIT_CR_READ = 0x00,
	EXIT_CR_WRITE = 0x10,
	EXIT_DR_READ = 0x20,
	EXIT_DR_WRITE = 0x30,
	EXIT_EXCEPTION = 0x40,
	EXIT_INTR = 0x60,
	EXIT_NMI,
	EXIT_SMI,
	EXIT_INIT,
	EXIT_VINTR,
	EXIT_CR0_SEL,
	EXIT_RDTSC = 0x6e,
	EXIT_RDPMC = 0x6f,
	EXIT_CPUID = 0x72,
	EXIT_RSM = 0x73,
	EXIT_IRET = 0x74,
	EXIT_SWINT = 0x75,
	EXIT_INVD = 0x76,
	EXIT_PAUSE = 0x77,
	EXIT_HLT = 0x78,
	EXIT_INVLPG = 0x79,
	EXIT_INVLPGA = 0x7a,
	EXIT_IOIO = 0x7b,
	EXIT_MSR = 0x7c,
	EXIT_TASK_SWITCH = 0x7d,
	EXIT_SHUTDOWN = 0x7f,
	EXIT_VMRUN = 0x80,
	EXIT_VMMCALL,
	EXIT_VMLOAD,
	EXIT_VMSAVE,
	EXIT_STGI,
	EXIT_CLGI,
	EXIT_SKINIT,
	EXIT_RDTSCP,
	EXIT_ICEBP,
	EXIT_WBINVD,
	EXIT_MONITOR,
	EXIT_MWAIT,
	EXIT_MWAIT_ARMED,
	EXIT_XSETBV,
	EXIT_NPF = 0x400,
};
#define EXIT_INVALID 0xffffffffu /* low half of -1; QEMU 7.2 stores only these 32 bits */

/* TLB_CONTROL, offset 0x5c */
#define TLB_KEEP       0u
#define TLB_FLUSH_ALL  1u
#define TLB_FLUSH_ASID 3u

/* Virtual interrupt control, offset 0x60 */
#define V_TPR_MASK	  0x0fu
#define V_IRQ		  BIT64(8)
#define V_INTR_PRIO_SHIFT 16
#define V_INTR_PRIO_MASK  (0xfull << V_INTR_PRIO_SHIFT)
#define V_IGN_TPR	  BIT64(20)
#define V_INTR_MASKING	  BIT64(24)
#define V_VECTOR_SHIFT	  32
#define V_VECTOR_MASK	  (0xffull << V_VECTOR_SHIFT)

#define INT_SHADOW	  BIT64(0) /* offset 0x68 */

/* EVENTINJ and EXITINTINFO: section 15.20 */
#define EVENT_VECTOR(e)	    ((unsigned)((e)&0xff))
#define EVENT_TYPE(e)	    ((unsigned)(((e) >> 8) & 7))
#define EVENT_TYPE_INTR	    0u
#define EVENT_TYPE_NMI	    2u
#define EVENT_TYPE_EXC	    3u
#define EVENT_TYPE_SOFT	    4u
#define EVENT_HAS_ERROR	    BIT64(11)
#define EVENT_VALID	    BIT64(31)
#define EVENT(type, vector) (EVENT_VALID | ((uint64_t)(type) << 8) | (vector))

#define NESTED_NP_ENABLE    BIT64(0)

/* EXITINFO1 of #NPF: section 15.25.6 */
#define NPF_P	  BIT64(0)
#define NPF_W	  BIT64(1)
#define NPF_U	  BIT64(2)
#define NPF_RSV	  BIT64(3)
#define NPF_I	  BIT64(4)
#define NPF_FINAL BIT64(32)
#define NPF_WALK  BIT64(33)

/* EXITINFO1 of IOIO: section 15.10.2 */
#define IOIO_IN		    BIT64(0)
#define IOIO_STR	    BIT64(2)
#define IOIO_REP	    BIT64(3)
#define IOIO_SIZE(i)	    ((unsigned)(((i) >> 4) & 7)) /* 1, 2 or 4 bytes */
#define IOIO_PORT(i)	    ((uint16_t)((i) >> 16))
#define IOIO_ADDRSIZE_SHIFT 6  /* bits A16, A32, A64, from bit 7 on */
#define IOIO_SEG_SHIFT	    10 /* ES, CS, SS, DS, FS, GS */

struct vmcb_seg {
	uint16_t selector, attrib;
	uint32_t limit;
	uint64_t base;
};

/* Segment attributes as packed in the VMCB: descriptor bits 55:52 and 47:40. */
#define SEG_CODE16 0x009b
#define SEG_DATA16 0x0093
#define SEG_CODE32 0x0c9b
#define SEG_DATA32 0x0c93
#define SEG_CODE64 0x0a9b
#define SEG_TSS	   0x008b
#define SEG_LDT	   0x0082
#define SEG_L	   0x0200
#define SEG_D	   0x0400

struct vmcb_control {
	uint32_t intercept[ICPT_WORDS]; /* 0x00 */
	uint8_t reserved1[0x3c - 0x18];
	uint16_t pause_threshold, pause_count; /* 0x3c */
	uint64_t iopm_pa;		       /* 0x40 */
	uint64_t msrpm_pa;
	uint64_t tsc_offset; /* 0x50 */
	uint32_t asid;
	uint32_t tlb_control;
	uint64_t int_ctl;   /* 0x60 */
	uint64_t int_state; /* 0x68 */
	uint64_t exit_code; /* 0x70 */
	uint64_t exit_info1;
	uint64_t exit_info2;	/* 0x80 */
	uint64_t exit_int_info; /* 0x88 */
	uint64_t nested_ctl;	/* 0x90 */
	uint64_t avic_bar;
	uint64_t ghcb;
	uint64_t event_inj; /* 0xa8 */
	uint64_t ncr3;	    /* 0xb0 */
	uint64_t virt_ext;
	uint64_t clean; /* 0xc0 */
	uint64_t next_rip;
	uint8_t insn_len; /* 0xd0 */
	uint8_t insn_bytes[15];
	uint8_t reserved2[0x400 - 0xe0];
};

struct vmcb_save {
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr; /* 0x400 */
	uint8_t reserved1[0xcb - 0xa0];
	uint8_t cpl; /* 0x4cb */
	uint32_t reserved2;
	uint64_t efer; /* 0x4d0 */
	uint8_t reserved3[0x148 - 0xd8];
	uint64_t cr4; /* 0x548 */
	uint64_t cr3;
	uint64_t cr0;
	uint64_t dr7; /* 0x560 */
	uint64_t dr6;
	uint64_t rflags; /* 0x570 */
	uint64_t rip;
	uint8_t reserved4[0x1d8 - 0x180];
	uint64_t rsp; /* 0x5d8 */
	uint64_t s_cet, ssp, isst;
	uint64_t rax; /* 0x5f8 */
	uint64_t star;
	uint64_t lstar, cstar, sfmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t cr2; /* 0x640 */
	uint8_t reserved5[0x268 - 0x248];
	uint64_t g_pat; /* 0x668 */
	uint8_t reserved6[0xc00 - 0x270];
};

struct vmcb {
	struct vmcb_control control;
	struct vmcb_save save;
};

_Static_assert(sizeof(struct vmcb) == 4096, "VMCB is one page");
_Static_assert(__builtin_offsetof(struct vmcb, control.iopm_pa) == 0x40, "APM appendix B");
_Static_assert(__builtin_offsetof(struct vmcb, control.exit_code) == 0x70, "APM appendix B");
_Static_assert(__builtin_offsetof(struct vmcb, control.event_inj) == 0xa8, "APM appendix B");
_Static_assert(__builtin_offsetof(struct vmcb, control.next_rip) == 0xc8, "APM appendix B");
_Static_assert(__builtin_offsetof(struct vmcb, save.cpl) == 0x4cb, "APM appendix B");
_Static_assert(__builtin_offsetof(struct vmcb, save.efer) == 0x4d0, "APM appendix B");
_Static_assert(__builtin_offsetof(struct vmcb, save.cr4) == 0x548, "APM appendix B");
_Static_assert(__builtin_offsetof(struct vmcb, save.rip) == 0x578, "APM appendix B");
_Static_assert(__builtin_offsetof(struct vmcb, save.rax) == 0x5f8, "APM appendix B");
_Static_assert(__builtin_offsetof(struct vmcb, save.cr2) == 0x640, "APM appendix B");
_Static_assert(__builtin_offsetof(struct vmcb, save.g_pat) == 0x668, "APM appendix B");

static inline void vmcb_intercept(struct vmcb *v, unsigned bit)
{
	v->control.intercept[bit / 32] |= 1u << (bit % 32);
}

static inline void vmcb_no_intercept(struct vmcb *v, unsigned bit)
{
	v->control.intercept[bit / 32] &= ~(1u << (bit % 32));
}

static inline bool vmcb_intercepts(const struct vmcb *v, unsigned bit)
{
	return v->control.intercept[bit / 32] >> (bit % 32) & 1;
}

/* The part of the state that VMLOAD and VMSAVE move: section 15.5.2. */
static inline void vmcb_copy_vmload_state(struct vmcb_save *to, const struct vmcb_save *from)
{
	to->fs = from->fs;
	to->gs = from->gs;
	to->ldtr = from->ldtr;
	to->tr = from->tr;
	to->star = from->star;
	to->lstar = from->lstar;
	to->cstar = from->cstar;
	to->sfmask = from->sfmask;
	to->kernel_gs_base = from->kernel_gs_base;
	to->sysenter_cs = from->sysenter_cs;
	to->sysenter_esp = from->sysenter_esp;
	to->sysenter_eip = from->sysenter_eip;
}

/* The part that VMRUN loads and #VMEXIT stores: section 15.5.1. */
static inline void vmcb_copy_vmrun_state(struct vmcb_save *to, const struct vmcb_save *from)
{
	to->es = from->es;
	to->cs = from->cs;
	to->ss = from->ss;
	to->ds = from->ds;
	to->gdtr = from->gdtr;
	to->idtr = from->idtr;
	to->cpl = from->cpl;
	to->efer = from->efer;
	to->cr4 = from->cr4;
	to->cr3 = from->cr3;
	to->cr0 = from->cr0;
	to->dr7 = from->dr7;
	to->dr6 = from->dr6;
	to->rflags = from->rflags;
	to->rip = from->rip;
	to->rsp = from->rsp;
	to->rax = from->rax;
	to->cr2 = from->cr2;
	to->g_pat = from->g_pat;
}

#endif
