/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptor tables and exceptions of the Core, one struct cpu_desc for each CPU.
 *
 * Every vector runs on a stack of its own (IST): code of Debian's libbearssl keeps data in the red
 * zone below RSP, and after a VMEXIT nothing about the interrupted stack may be assumed. That
 * library also reads a stack canary at %fs:0x28, so FS base points to a block that holds one.
 * The caller sets GS base afterwards.
 */
#ifndef CORE_CPU_DESC_H
#define CORE_CPU_DESC_H

#include "lib/types.h"

#define SEL_CODE64 0x08
#define SEL_DATA   0x10
#define SEL_TSS	   0x18

enum cpu_ist { IST_FAULT = 1, IST_NMI, IST_DOUBLE_FAULT, IST_MACHINE_CHECK, IST_COUNT = 4 };
#define IST_STACK_SIZE 8192

/* AMD APM vol. 2, figure 12-8. */
struct tss64 {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t iomap_base;
} __attribute__((packed));
_Static_assert(sizeof(struct tss64) == 104, "TSS layout");

struct cpu_desc {
	uint8_t stack[IST_COUNT][IST_STACK_SIZE] __attribute__((aligned(16)));
	uint64_t gdt[5]; /* null, code, data, TSS (two entries) */
	struct tss64 tss;
	struct {
		uint8_t unused[0x28];
		uint64_t canary; /* %fs:0x28 */
	} tls;
};

/* Load GDT, TSS, the shared IDT and FS base on the calling CPU. `d` stays in use for good. */
void cpu_desc_init(struct cpu_desc *d);

/* Sleep, with GIF set and IF clear, until an NMI comes; at once if *wake is set. */
void cpu_wait(const bool *wake);

/* Called for each NMI that the Core takes; must not use vector registers. */
void cpu_set_nmi_handler(void (*nmi_received)(void));

#endif
