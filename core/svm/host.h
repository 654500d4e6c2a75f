/* SPDX-License-Identifier: Apache-2.0 */
/* The host as a VM: its VMCB, its intercepts, its exits. */
#ifndef CORE_SVM_HOST_H
#define CORE_SVM_HOST_H

#include "svm/cpu.h"

void host_init(struct cpu *cpu, const struct boot_info *bi);

/* Enter the host once and handle its exit. */
void host_run(struct cpu *cpu);

/* Step over the SVM instruction that the host has just executed. */
void host_skip_svm(struct cpu *cpu);

/* The host's global interrupt flag; closed at #VMEXIT, opened by VMRUN for guests and STGI. */
void host_set_gif(struct cpu *cpu, bool gif);

/* Ports that neither the host nor its guests reach: the Core's call port, its log, fw_cfg. */
bool host_port_blocked(uint16_t port, unsigned size);

#endif
