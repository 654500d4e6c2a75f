/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SVM for the host: its KVM runs guests by VMRUN, and the Core stands between.
 *
 *   nested_vmrun     the host executes VMRUN: copy its VMCB once, check, then
 *                    either a zone's vCPU (zone/vcpu.c) or an ordinary guest goes on
 *   nested_run       enter the ordinary guest once and handle its exit
 *   nested_to_host   #VMEXIT as the host sees it
 */
#ifndef CORE_SVM_NESTED_H
#define CORE_SVM_NESTED_H

#include "svm/cpu.h"

void nested_init_cpu(struct cpu *cpu);
void nested_vmrun(struct cpu *cpu);
void nested_run(struct cpu *cpu);

/*
 * Back to the host with its GIF clear, behind its VMRUN. The caller has filled the host's VMCB
 * (nested_vmcb12) already.
 */
void nested_to_host(struct cpu *cpu);

/* The host's VMCB page of the VMRUN in progress; NULL if the page is no host RAM any more. */
struct vmcb *nested_vmcb12(struct cpu *cpu);

/* Physical interrupts while a guest runs: the host's IF if it asked for V_INTR_MASKING. */
bool nested_host_if(const struct cpu *cpu);

#endif
