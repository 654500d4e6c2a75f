/* SPDX-License-Identifier: Apache-2.0 */
/* The host as a VM: its VMCB, its intercepts, its exits. */
#ifndef CORE_SVM_HOST_H
#define CORE_SVM_HOST_H

#include "svm/cpu.h"

/* Once: permission maps. Then for each CPU: its VMCB, waiting for a start-up interrupt. */
void host_init(void);
void host_init_cpu(struct cpu *cpu);

/* The first CPU begins where the boot loader's payload does. */
struct host_entry;
void host_boot(struct cpu *cpu, const struct host_entry *entry);

/* Enter the host once and handle its exit. */
void host_run(struct cpu *cpu);

/* Step over the SVM instruction that the host has just executed. */
void host_skip_svm(struct cpu *cpu);

/* The host's global interrupt flag; closed at #VMEXIT, opened by VMRUN for guests and STGI. */
void host_set_gif(struct cpu *cpu, bool gif);

/*
 * host_ap.c: INIT and start-up interrupts that the host sends, as the Core plays them. Both return
 * false if that is not the host's to send.
 */
bool host_send_init(struct cpu *to);
bool host_send_startup(struct cpu *to, uint8_t vector);
void host_take_init(struct cpu *cpu);	 /* at the receiving CPU */
void host_wait_startup(struct cpu *cpu); /* RUN_WAIT */

/* An access of whoever runs by v, host or guest, to a port that the Core watches: doors.h. */
void host_port(struct cpu *cpu, struct vmcb *v);

#endif
