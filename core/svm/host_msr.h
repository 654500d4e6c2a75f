/* SPDX-License-Identifier: Apache-2.0 */
/* MSRs of the host that could move memory or time from under the Core or take the CPU from it. */
#ifndef CORE_SVM_HOST_MSR_H
#define CORE_SVM_HOST_MSR_H

#include "svm/cpu.h"

/* Fill the host's MSR permission map (zeroed). */
void host_msr_permissions(uint8_t *msrpm);

/* #VMEXIT(MSR) of the host. */
void host_msr(struct cpu *cpu);

#endif
