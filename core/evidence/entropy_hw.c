// SPDX-License-Identifier: Apache-2.0
// RDRAND and the time stamp counter.
#include "evidence/entropy_hw.h"

#define CPUID_1_ECX_RDRAND (1u << 30)

bool entropy_hw_present(void)
{
	uint32_t eax = 1, ebx, ecx = 0, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return ecx & CPUID_1_ECX_RDRAND;
}

bool entropy_hw_draw(uint64_t *value)
{
	bool ok;

	__asm__ volatile("rdrand %0" : "=r"(*value), "=@ccc"(ok));
	return ok;
}

uint64_t entropy_hw_tsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}
