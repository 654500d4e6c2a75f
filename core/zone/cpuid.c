// SPDX-License-Identifier: Apache-2.0
/*
 * CPUID as a zone sees it: the CPU's own answers, cut by these tables. The host has no say.
 * Bits: AMD APM vol. 3, appendix E; Intel SDM vol. 2, CPUID.
 */
#include "cpu/msr.h"
#include "zone/vcpu.h"

#define BIT32(n) ((uint32_t)1 << (n))

/* Leaf 1: no MONITOR, VMX, PDCM, PCID, DCA, x2APIC; no DTS, HTT, TM, PBE, MTRR, MCE,
 * MCA. */
#define L1_ECX_CLEAR                                                                               \
	(BIT32(2) | BIT32(3) | BIT32(4) | BIT32(5) | BIT32(6) | BIT32(7) | BIT32(8) | BIT32(10) |  \
	 BIT32(14) | BIT32(15) | BIT32(17) | BIT32(18) | BIT32(21) | BIT32(27))
#define L1_ECX_DEADLINE	  BIT32(24) /* the host's KVM plays the local APIC, with TSC deadline */
#define L1_ECX_OSXSAVE	  BIT32(27)
#define L1_ECX_HYPERVISOR BIT32(31)
#define L1_EDX_CLEAR                                                                               \
	(BIT32(7) | BIT32(12) | BIT32(14) | BIT32(18) | BIT32(21) | BIT32(22) | BIT32(28) |        \
	 BIT32(29) | BIT32(31))

/* Leaf 7: no TSC_ADJUST, SGX, HLE, PQM, RTM, MPX, PQE, LA57, shadow stacks, PKS, speculation MSRs.
 */
#define L7_EBX_CLEAR                                                                               \
	(BIT32(1) | BIT32(2) | BIT32(4) | BIT32(11) | BIT32(12) | BIT32(14) | BIT32(15) | BIT32(25))
#define L7_ECX_CLEAR                                                                               \
	(BIT32(4) | BIT32(5) | BIT32(7) | BIT32(16) | BIT32(24) | BIT32(29) | BIT32(30) | BIT32(31))
#define L7_ECX_OSPKE BIT32(4)
#define L7_EDX_CLEAR                                                                               \
	(BIT32(20) | BIT32(26) | BIT32(27) | BIT32(28) | BIT32(29) | BIT32(30) | BIT32(31))

/* Leaf 8000_0001h: no SVM, extended APIC space, OSVW, IBS, SKINIT, WDT, LWP, performance counters.
 */
#define X1_ECX_CLEAR                                                                               \
	(BIT32(2) | BIT32(3) | BIT32(9) | BIT32(10) | BIT32(12) | BIT32(13) | BIT32(15) |          \
	 BIT32(19) | BIT32(21) | BIT32(23) | BIT32(24) | BIT32(26) | BIT32(28) | BIT32(29))
#define X1_EDX_CLEAR (BIT32(7) | BIT32(12) | BIT32(14))

/* XCR0 components that the Core switches: x87, SSE, AVX, AVX-512, PKRU. */
#define XCR0_SWITCHED 0x2e7u

#define MAX_STD	      0xdu
#define MAX_EXT	      0x8000001fu
#define LEAF_SEV      0x8000001fu
#define SEV_BIT	      BIT32(1)

static void leaf_xsave(struct cpuid_regs *r, uint32_t sub)
{
	if (sub == 0) {
		r->eax &= XCR0_SWITCHED;
		r->edx = 0;
	} else if (sub == 1) {
		r->eax &= 1; /* XSAVEOPT; no XSAVES, whose MSR is the host's */
		r->ebx = r->ecx = r->edx = 0;
	} else if (sub >= 32 || !(XCR0_SWITCHED >> sub & 1)) {
		*r = (struct cpuid_regs){0};
	}
}

void zone_cpuid(struct zone_vcpu *vcpu)
{
	struct vmcb_save *s = &vcpu->vmcb->save;
	uint32_t leaf = (uint32_t)s->rax, sub = (uint32_t)vcpu->gpr[RCX];
	struct cpuid_regs r = {0};

	if (leaf <= MAX_STD || (leaf >= 0x80000000 && leaf <= MAX_EXT))
		r = cpuid(leaf, sub);
	switch (leaf) {
	case 0:
		r.eax = r.eax < MAX_STD ? r.eax : MAX_STD;
		break;
	case 1:
		r.ebx = (r.ebx & 0xff00) | 1u << 16 | vcpu->id << 24; /* each a package */
		r.ecx = (r.ecx & ~L1_ECX_CLEAR) | L1_ECX_DEADLINE | L1_ECX_HYPERVISOR;
		if (s->cr4 & CR4_OSXSAVE)
			r.ecx |= L1_ECX_OSXSAVE;
		r.edx &= ~L1_EDX_CLEAR;
		break;
	case 7:
		if (sub) {
			r = (struct cpuid_regs){0};
			break;
		}
		r.eax = 0;
		r.ebx &= ~L7_EBX_CLEAR;
		r.ecx &= ~L7_ECX_CLEAR;
		if (s->cr4 & BIT64(22))
			r.ecx |= L7_ECX_OSPKE;
		r.edx &= ~L7_EDX_CLEAR;
		break;
	case 0xd:
		leaf_xsave(&r, sub);
		break;
	case 0x80000000:
		r.eax = MAX_EXT;
		break;
	case 0x80000001:
		r.ecx &= ~X1_ECX_CLEAR;
		r.edx &= ~X1_EDX_CLEAR;
		break;
	case 0x80000002 ... 0x80000006:
		break;
	case 0x80000008:
		r.eax = (r.eax & 0xff00) | (zone_cbit() + 1);
		r.ebx &= BIT32(0) | BIT32(2) | BIT32(9); /* CLZERO, XSAVEERPTR, WBNOINVD */
		r.ecx = r.edx = 0;
		break;
	case LEAF_SEV:
		/* Software SEV: C-bit position, one address bit less (docs/architecture.md). */
		r.eax = SEV_BIT;
		r.ebx = zone_cbit() | 1u << 6;
		r.ecx = r.edx = 0;
		break;
	default:
		r = (struct cpuid_regs){0};
		break;
	}
	s->rax = r.eax;
	vcpu->gpr[RBX] = r.ebx;
	vcpu->gpr[RCX] = r.ecx;
	vcpu->gpr[RDX] = r.edx;
}
