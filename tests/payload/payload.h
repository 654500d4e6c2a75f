/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SVM programs that are no Linux: they boot as a Multiboot kernel, on the bare (emulated) CPU or
 * above the Core, and speak on COM1. What both have in common: output, traps, one guest.
 */
#ifndef TESTS_PAYLOAD_PAYLOAD_H
#define TESTS_PAYLOAD_PAYLOAD_H

#include <cloister/call.h>
#include "cpu/msr.h"
#include "cpu/regs.h"
#include "lib/io.h"
#include "lib/string.h"
#include "svm/bitmap.h"
#include "svm/npt.h"
#include "svm/vmcb.h"

#define ARRAY(a) (sizeof(a) / sizeof((a)[0]))

/* Code that is copied elsewhere, or entered by VMRUN: from label to label_end. */
#define FRAGMENT_BEGIN(label)                                                                      \
	extern const uint8_t label[], label##_end[];                                               \
	__asm__(".text\n" #label ": "
#define FRAGMENT_END(label) "\n" #label "_end: nop\n")

/* boot.S */
extern uint64_t trap_vector, trap_error, trap_rip, trap_cr2;
extern volatile uint32_t irq_count[256];
extern uint64_t boot_pml4[512], gdt[6];
extern const uint8_t trap_stubs[], guest_stubs[], payload_end[];
int try_call(void (*f)(void *), void *arg);
void svm_enter(uint64_t vmcb, uint64_t *gpr, uint64_t host_vmcb, uint64_t rflags);
void payload_main(const char *cmdline) __attribute__((noreturn));
void trap_unexpected(void) __attribute__((noreturn));

/* payload.c */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void halt(void) __attribute__((noreturn));
/* conform.c, fuzz.c, x2apic.c, breaks.c, race.c */
void body(void);

/* What follows "name=" on the command line, as a decimal number. */
uint64_t argument(const char *name, uint64_t otherwise);
bool svm_on(void); /* EFER.SVME, VM_HSAVE_PA, the local APIC */
void apic_write(uint32_t reg, uint32_t value);
int64_t call_core(uint32_t op, const void *arg, uint64_t size);

/* By xAPIC: CPU 1 comes to entry in CPU 0's mode, without an IDT. Overwrites the page at 64 KiB. */
void start_cpu_1(void (*entry)(void), void *stack_end);

/* A zone with one vCPU of so much memory that starts at rip, the first byte of what is measured. */
void describe_launch(struct cl_launch_desc *d, uint64_t memory, uint64_t rip, uint64_t measured);

/*
 * The guest: 64-bit mode, CPL 0, its physical memory is the machine's, the first 1 GiB, through
 * nested tables that a case may change. Its exceptions end in guest_stubs, by VMMCALL.
 */
#define GUEST_RFLAGS RFLAGS_ONE
extern struct vmcb vmcb; /* as guest_reset() left it, then as the case wants it */
extern uint64_t gpr[16]; /* RAX and RSP are in the VMCB */
extern uint64_t npt_pml4[512], npt_pdpt[512], npt_pd[512], npt_pt[512];
extern uint64_t guest_pml4[512], guest_pdpt[512], guest_pd[512], guest_pt[512];
extern uint64_t guest_idt[512];
extern uint8_t iopm[3 * 4096], msrpm[2 * 4096];
extern uint8_t guest_stack[4096];
extern uint64_t host_rflags; /* at VMRUN; GIF is 0 */
/*
 * 2 MiB in 4 KiB pages, both in the guest's tables (guest_pt) and in the nested ones (npt_pt).
 */
#define AREA	   0x08000000ul
#define AREA_INDEX (AREA >> 21)
/* Free memory: 0x02000000 up to AREA. */
#define FREE 0x02000000ul

void guest_reset(const void *code);
/* Returns 0, or vector + 1 of the exception that VMRUN itself had. GIF is 0 before and after. */
int guest_run(void);
int run_vmcb(struct vmcb *v, uint64_t *regs, uint64_t rflags); /* the same with another VMCB */
/* The vector that a guest ended in, by RIP, or -1. */
int guest_vector(void);
void guest_tables(uint64_t *pml4, uint64_t *pdpt, uint64_t *pd, uint64_t *pt);

static inline void clgi(void)
{
	__asm__ volatile("clgi" : : : "memory");
}

static inline void stgi(void)
{
	__asm__ volatile("stgi" : : : "memory");
}

#endif
