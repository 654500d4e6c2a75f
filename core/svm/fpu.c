// SPDX-License-Identifier: Apache-2.0
#include "cpu/msr.h"
#include "lib/log.h"
#include "svm/fpu.h"

#define XCR0_X87    BIT64(0)
#define XCR0_SSE    BIT64(1)
#define XCR0_AVX    BIT64(2)
#define XCR0_AVX512 (BIT64(5) | BIT64(6) | BIT64(7))
#define XCR0_PKRU   BIT64(9)

/* Everything that a guest may switch on; what is saved and restored. */
static uint64_t xcr0_all;

static void xsave(uint8_t *area)
{
	__asm__ volatile("xsave64 (%0)"
			 :
			 : "r"(area), "a"((uint32_t)xcr0_all), "d"((uint32_t)(xcr0_all >> 32))
			 : "memory");
}

static void xrstor(const uint8_t *area)
{
	__asm__ volatile("xrstor64 (%0)"
			 :
			 : "r"(area), "a"((uint32_t)xcr0_all), "d"((uint32_t)(xcr0_all >> 32))
			 : "memory");
}

void fpu_init(void)
{
	write_cr0((read_cr0() & ~(CR0_TS | BIT64(2))) | BIT64(1));
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE);
	struct cpuid_regs r = cpuid(0xd, 0);
	uint64_t supported = (uint64_t)r.edx << 32 | r.eax;

	xcr0_all = supported & (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512 | XCR0_PKRU);
	if (!(xcr0_all & XCR0_SSE))
		panic("the CPU has no XSAVE");
	xsetbv(0, xcr0_all);
	if (cpuid(0xd, 0).ebx > FPU_AREA_PAGES * PAGE_SIZE)
		panic("the XSAVE area is larger than a page");
}

void fpu_store(uint8_t *area, uint64_t *xcr0)
{
	*xcr0 = xgetbv(0);
	if (*xcr0 != xcr0_all)
		xsetbv(0, xcr0_all);
	xsave(area);
}

void fpu_load(const uint8_t *area, uint64_t xcr0)
{
	/* XRSTOR faults on components that XCR0 does not have at the moment. */
	if (xgetbv(0) != xcr0_all)
		xsetbv(0, xcr0_all);
	xrstor(area);
	if (xcr0 != xcr0_all)
		xsetbv(0, xcr0);
}

void fpu_begin(void)
{
	struct cpu *cpu = this_cpu();

	fpu_store(cpu->fpu_scratch, &cpu->xcr0_scratch);
}

void fpu_end(void)
{
	struct cpu *cpu = this_cpu();

	fpu_load(cpu->fpu_scratch, cpu->xcr0_scratch);
}
