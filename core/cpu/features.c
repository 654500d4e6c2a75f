// SPDX-License-Identifier: Apache-2.0
/* CPU checks at boot, and the vector units. */
#include "cpu/features.h"
#include "cpu/msr.h"
#include "lib/types.h"

#define CPUID_1_ECX_XSAVE      BIT64(26)
#define CPUID_80000001_ECX_SVM BIT64(2)
#define CPUID_8000000A_EDX_NP  BIT64(0)
#define VM_CR_SVMDIS	       BIT64(4)

#define CR4_OSFXSR	       BIT64(9)
#define CR4_OSXMMEXCPT	       BIT64(10)
#define CR4_OSXSAVE	       BIT64(18)

#define XCR0_X87_SSE	       0x03u
#define XCR0_AVX	       0x04u
#define XCR0_AVX512	       0xe0u

const char *cpu_check(void)
{
	uint32_t max = cpuid(0x80000000, 0).eax;

	/* AMD APM vol. 2, section 15.4. */
	if (max < 0x8000000a || !(cpuid(0x80000001, 0).ecx & CPUID_80000001_ECX_SVM))
		return "this CPU has no SVM (AMD-V)";
	if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS)
		return "SVM (AMD-V) is switched off in the firmware's setup";
	if (!(cpuid(0x8000000a, 0).edx & CPUID_8000000A_EDX_NP))
		return "this CPU has no nested paging";
	return NULL;
}

void cpu_enable_simd(void)
{
	static const uint32_t mxcsr = 0x1f80; /* as after reset: all exceptions masked */

	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	if (cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE) {
		uint64_t can = cpuid(0xd, 0).eax, xcr0 = XCR0_X87_SSE | (can & XCR0_AVX);

		if ((can & XCR0_AVX) && (can & XCR0_AVX512) == XCR0_AVX512)
			xcr0 |= XCR0_AVX512;
		write_cr4(read_cr4() | CR4_OSXSAVE);
		xsetbv(0, xcr0);
	}
	__asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
}
