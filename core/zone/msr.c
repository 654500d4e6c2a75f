// SPDX-License-Identifier: Apache-2.0
/*
 * MSRs of a zone: those in its VMCB directly, a few answered here, all else #GP. The host plays one
 * only, the timer of the local APIC (exit.c).
 */
#include "cpu/msr.h"
#include "svm/bitmap.h"
#include "zone/vcpu.h"

#define APIC_BASE_ZONE	   0xfee00800ull /* default address, enabled */
#define APIC_BASE_FIRST	   BIT64(8)	 /* the CPU that booted */
#define SYSCFG_MEM_ENCRYPT BIT64(23)
#define HWCR_SMMLOCK	   BIT64(0)
#define SEV_ENABLED	   BIT64(0)
#define EFER_ZONE	   (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSR)

static uint64_t apic_base(const struct zone_vcpu *vcpu)
{
	return APIC_BASE_ZONE | (vcpu->id ? 0 : APIC_BASE_FIRST);
}

static const uint32_t direct[] = {
	MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_STAR,	    MSR_LSTAR,	 MSR_CSTAR,
	MSR_SFMASK,	 MSR_FS_BASE,	   MSR_GS_BASE,	     MSR_KERNEL_GS, MSR_TSC_AUX,
};

void zone_msr_permissions(uint8_t *msrpm)
{
	for (unsigned i = 0; i < sizeof(direct) / sizeof(direct[0]); i++) {
		unsigned bit = (unsigned)msrpm_bit(direct[i]);

		bit_clear(msrpm, bit);
		bit_clear(msrpm, bit + 1);
	}
}

int zone_msr_read(struct zone_vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	const struct vmcb *v = vcpu->vmcb;

	switch (msr) {
	case MSR_TSC:
		*value = rdtsc() + v->control.tsc_offset;
		return 0;
	case MSR_TSC_DEADLINE:
		*value = vcpu->tsc_deadline;
		return 0;
	case MSR_APIC_BASE:
		*value = apic_base(vcpu);
		return 0;
	case MSR_PAT:
		*value = v->save.g_pat;
		return 0;
	case MSR_EFER:
		*value = v->save.efer & ~EFER_SVME;
		return 0;
	case MSR_SYSCFG:
		*value = SYSCFG_MEM_ENCRYPT;
		return 0;
	case MSR_HWCR:
		*value = HWCR_SMMLOCK;
		return 0;
	case MSR_SEV_STATUS:
		*value = SEV_ENABLED;
		return 0;
	case MSR_PATCH_LEVEL:
	case MSR_DE_CFG:
		*value = 0;
		return 0;
	default:
		return -CL_ENOENT;
	}
}

/* Each byte of PAT is a memory type: 0, 1, 4, 5, 6, 7 (APM vol. 2, section 7.8). */
static bool pat_valid(uint64_t value)
{
	for (unsigned i = 0; i < 64; i += 8) {
		uint8_t type = (uint8_t)(value >> i);

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

int zone_msr_write(struct zone_vcpu *vcpu, uint32_t msr, uint64_t value)
{
	struct vmcb *v = vcpu->vmcb;

	switch (msr) {
	case MSR_TSC:
		v->control.tsc_offset = value - rdtsc();
		return 0;
	case MSR_APIC_BASE:
		return value == apic_base(vcpu) ? 0 : -CL_EPERM;
	case MSR_PAT:
		if (!pat_valid(value))
			return -CL_EINVAL;
		v->save.g_pat = value;
		return 0;
	case MSR_EFER:
		if ((value & ~EFER_ZONE) ||
		    ((v->save.cr0 & CR0_PG) && ((value ^ v->save.efer) & EFER_LME)))
			return -CL_EINVAL;
		v->save.efer = (value & ~EFER_LMA) | (v->save.efer & EFER_LMA) | EFER_SVME;
		return 0;
	case MSR_HWCR:
	case MSR_DE_CFG:
	case MSR_PATCH_LEVEL:
		return 0; /* nothing in them is the zone's to set; Linux tries */
	default:
		return -CL_ENOENT;
	}
}
