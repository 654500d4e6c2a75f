// SPDX-License-Identifier: Apache-2.0
#include "cpu/msr.h"
#include "lib/log.h"
#include "svm/apic.h"
#include "svm/bitmap.h"
#include "svm/event.h"
#include "svm/host_msr.h"

/* What the host may set in EFER, besides SVME, which the Core keeps set. */
#define EFER_HOST (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSR | EFER_SVME)

static const struct {
	uint32_t first, last;
	bool read; /* reads are intercepted as well */
} watched[] = {
	{MSR_TSC, MSR_TSC, false}, /* the clock of the Core and of zones */
	{MSR_TSC_ADJUST, MSR_TSC_ADJUST, false},
	{MSR_KVM_OLD, MSR_KVM_OLD + 1, true}, /* where KVM runs this machine */
	{MSR_APIC_BASE, MSR_APIC_BASE, true},
	{MSR_X2APIC_FIRST, MSR_X2APIC_LAST, false},
	{MSR_DEBUGCTL, MSR_DEBUGCTL, false}, /* last branches of a zone */
	{MSR_TSC_RATIO, MSR_TSC_RATIO, false},
	{MSR_IBS_FIRST, MSR_IBS_LAST, true},	    /* samples of a zone's instructions */
	{MSR_LBR_SELECT, MSR_LBR_SELECT + 1, true}, /* its branches, on newer CPUs */
	{MSR_BRANCH_FIRST, MSR_BRANCH_LAST, true},
	{MSR_CPUID_FIRST, MSR_CPUID_LAST, false}, /* what zones are told of the CPU */
	{MSR_EFER, MSR_EFER, true},
	{MSR_VM_CR, MSR_VM_CR, true},
	{MSR_SVM_HSAVE_PA, MSR_SVM_HSAVE_PA, true},
	{MSR_SYSCFG, MSR_SYSCFG, false},
	{MSR_IORR_BASE0, MSR_IORR_MASK1, false},
	{MSR_MC_REDIRECT, MSR_MC_REDIRECT, false},
	{MSR_TOP_MEM, MSR_TOP_MEM, false},
	{MSR_TOP_MEM2, MSR_TOP_MEM2, false},
	{MSR_PATCH_LOADER, MSR_PATCH_LOADER, false},
	{MSR_SMM_BASE, MSR_SMM_MASK, false},
	{MSR_SMI_FIRST, MSR_SMI_LAST, false},
	{MSR_MMIO_CFG, MSR_MMIO_CFG, false},
	{MSR_CPU_WATCHDOG, MSR_CPU_WATCHDOG, false},
	{MSR_HWCR, MSR_HWCR, false},
	{MSR_MTRR_FIRST, MSR_MTRR_LAST, false},
	{MSR_MTRR_64K, MSR_MTRR_64K, false},
	{MSR_MTRR_16K, MSR_MTRR_16K + 1, false},
	{MSR_MTRR_4K, MSR_MTRR_4K + 7, false},
	{MSR_MTRR_DEFTYPE, MSR_MTRR_DEFTYPE, false},
};

void host_msr_permissions(uint8_t *msrpm)
{
	for (unsigned i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
		for (uint32_t msr = watched[i].first; msr <= watched[i].last; msr++) {
			unsigned bit = (unsigned)msrpm_bit(msr);

			if (watched[i].read)
				bit_set(msrpm, bit);
			bit_set(msrpm, bit + 1);
		}
	}
}

static int read_msr(struct cpu *cpu, uint32_t msr, uint64_t *value)
{
	switch (msr) {
	case MSR_EFER:
		*value = cpu->host_vmcb->save.efer & ~(cpu->host_svme ? 0 : EFER_SVME);
		return 0;
	case MSR_VM_CR:
		*value = 0;
		return 0;
	case MSR_SVM_HSAVE_PA:
		*value = cpu->host_hsave_pa;
		return 0;
	case MSR_APIC_BASE:
		*value = apic_base_msr();
		return 0;
	default:
		return -CL_EPERM;
	}
}

static int write_efer(struct cpu *cpu, uint64_t value)
{
	struct vmcb_save *s = &cpu->host_vmcb->save;

	if (value & ~EFER_HOST)
		return -CL_EINVAL;
	if ((s->cr0 & CR0_PG) && ((value ^ s->efer) & EFER_LME))
		return -CL_EINVAL;
	cpu->host_svme = value & EFER_SVME;
	/* LMA follows CR0.PG and is not for software to set. */
	s->efer = (value & ~EFER_LMA) | (s->efer & EFER_LMA) | EFER_SVME;
	return 0;
}

static int write_msr(struct cpu *cpu, uint32_t msr, uint64_t value)
{
	uint64_t now;

	switch (msr) {
	case MSR_EFER:
		return write_efer(cpu, value);
	case MSR_SVM_HSAVE_PA:
		if ((value & ~PAGE_MASK) || value >> cpu_phys_bits())
			return -CL_EINVAL;
		cpu->host_hsave_pa = value; /* remembered, never used: the Core has its own */
		return 0;
	case MSR_APIC_BASE:
		return apic_base_write(value);
	case MSR_X2APIC_FIRST ... MSR_X2APIC_LAST:
		return apic_host_msr_write(msr, value);
	case MSR_DEBUGCTL:
		if (value & DEBUGCTL_LBR)
			return -CL_EPERM;
		return wrmsr_safe(msr, value);
	case MSR_TSC_RATIO:
		return value == TSC_RATIO_ONE ? 0 : -CL_EPERM;
	case MSR_VM_CR:
		return value ? -CL_EPERM : 0;
	case MSR_SYSCFG:
	case MSR_IORR_BASE0 ... MSR_IORR_MASK1:
	case MSR_TOP_MEM:
	case MSR_TOP_MEM2:
	case MSR_MMIO_CFG:
		return rdmsr_safe(msr, &now) || value != now ? -CL_EPERM : 0;
	case MSR_HWCR:
		if (rdmsr_safe(msr, &now) ||
		    ((value ^ now) & ~(HWCR_FFDIS | HWCR_CPB_DIS | HWCR_IRPERF)))
			return -CL_EPERM;
		return wrmsr_safe(msr, value);
	case MSR_MTRR_FIRST ... MSR_MTRR_DEFTYPE:
	case MSR_PATCH_LOADER:
		/*
		 * Swallowed: Linux switches MTRRs off and on again around each of its changes, even
		 * if none, and looks by itself whether an update of microcode took effect.
		 */
		refused_total += msr != MSR_MTRR_DEFTYPE;
		return 0;
	default:
		return -CL_EPERM;
	}
}

void host_msr(struct cpu *cpu)
{
	struct vmcb *v = cpu->host_vmcb;
	uint32_t msr = (uint32_t)cpu->gpr[RCX];
	uint64_t value = (uint32_t)v->save.rax | cpu->gpr[RDX] << 32;
	bool write = v->control.exit_info1 & 1;
	int r = write ? write_msr(cpu, msr, value) : read_msr(cpu, msr, &value);

	if (r) {
		log_info("host: %s of MSR 0x%x refused", write ? "write" : "read", msr);
		refused_total += write;
		event_inject_exception(v, VEC_GP, true, 0);
		return;
	}
	if (!write) {
		v->save.rax = (uint32_t)value;
		cpu->gpr[RDX] = value >> 32;
	}
	v->save.rip += 2; /* RDMSR, WRMSR: 0F 32, 0F 30; no prefix changes what they do */
}
