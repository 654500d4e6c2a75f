/* SPDX-License-Identifier: Apache-2.0 */
/* The Core finds its CPU through GS, in assembly; the model chooses one. */
#ifndef MODEL_SVM_CPU_H
#define MODEL_SVM_CPU_H

#define this_cpu core_this_cpu
#include_next "svm/cpu.h"
#undef this_cpu

struct cpu *this_cpu(void);

#endif
