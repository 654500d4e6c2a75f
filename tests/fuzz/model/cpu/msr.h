/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands before core/cpu/msr.h in fuzz builds: the same names, on a machine that the fuzzer plays
 * (machine.c). Only what the sources under test use.
 */
#ifndef CORE_CPU_MSR_H
#define CORE_CPU_MSR_H

#include <stdbool.h>
#include <stdint.h>

#define MSR_EFER    0xc0000080u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_VM_CR   0xc0010114u

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

uint64_t rdmsr(uint32_t msr);
void wrmsr(uint32_t msr, uint64_t v);
int rdmsr_safe(uint32_t msr, uint64_t *value);
int wrmsr_safe(uint32_t msr, uint64_t value);
struct cpuid_regs cpuid(uint32_t leaf, uint32_t sub);
uint64_t rdtsc(void);
uint64_t read_cr4(void);
void write_cr4(uint64_t v);
void xsetbv(uint32_t xcr, uint64_t v);

#endif
