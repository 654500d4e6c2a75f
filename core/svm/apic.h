/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC of the host, and the rest of the MSI window behind it. Both are readable; writes
 * come here, because INIT and SIPI, sent through the interrupt command register or as a message
 * signalled interrupt, would start a CPU outside the Core.
 */
#ifndef CORE_SVM_APIC_H
#define CORE_SVM_APIC_H

#include "svm/cpu.h"

void apic_init(void);
bool apic_is_page(uint64_t pa);	  /* the 4 KiB page at pa is in the MSI window */
bool apic_in_region(uint64_t pa); /* the 2 MiB region around pa */

uint32_t apic_id(void); /* of the calling CPU */
void apic_send_nmi(uint32_t id);
void apic_look_again(void); /* this CPU's: is there an interrupt to deliver? For emulator.c */
void apic_send_init(uint32_t id);
void apic_send_startup(uint32_t id, uint8_t vector);

/* #NPF of the host: a write to the window. Done, or an exception is injected. */
void apic_host_write(struct cpu *cpu, uint64_t gpa);

/* The same in x2APIC mode, by WRMSR: 0, or the host gets #GP. */
int apic_host_msr_write(uint32_t msr, uint64_t value);

/* The host reads and writes MSR_APIC_BASE: -CL_EPERM if that would move or disable the APIC. */
uint64_t apic_base_msr(void);
int apic_base_write(uint64_t value);

#endif
