/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC of the host. Its page is readable; writes come here, because INIT and SIPI sent
 * through the interrupt command register would start a CPU outside the Core.
 */
#ifndef CORE_SVM_APIC_H
#define CORE_SVM_APIC_H

#include "svm/cpu.h"

void apic_init(void);
bool apic_is_page(uint64_t pa);	  /* the 4 KiB page at pa */
bool apic_in_region(uint64_t pa); /* the 2 MiB region around pa */

/* #NPF of the host: a write to the page. Done, or an exception is injected. */
void apic_host_write(struct cpu *cpu, uint64_t gpa);

/* Value that the host reads from and may write to MSR_APIC_BASE. */
uint64_t apic_base_msr(void);

#endif
