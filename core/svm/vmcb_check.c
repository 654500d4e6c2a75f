// SPDX-License-Identifier: Apache-2.0
#include "cpu/regs.h"
#include "svm/bitmap.h"
#include "svm/shadow.h"
#include "svm/vmcb_check.h"

#define CR0_NW	  BIT64(29)
#define CR0_CD	  BIT64(30)
#define CR4_KNOWN 0x00f71fffull
/* SCE, LME, LMA, NXE, SVME, LMSLE, FFXSR, TCE; the host cannot have more either. */
#define EFER_KNOWN  0xfd01ull
#define VEC_NMI	    2u
#define VECTORS_EXC 32u

static bool high_bits(uint64_t value, unsigned from)
{
	return value >> from;
}

/* The CPU checks these as well, but what it lets through differs: the emulator's are not all. */
static bool state_valid(const struct vmcb_save *s)
{
	bool longmode = (s->efer & EFER_LME) && (s->cr0 & CR0_PG);

	if (!(s->efer & EFER_SVME) || (s->efer & ~EFER_KNOWN))
		return false;
	if ((!(s->cr0 & CR0_CD) && (s->cr0 & CR0_NW)) || high_bits(s->cr0, 32))
		return false;
	if ((s->cr4 & ~CR4_KNOWN) || high_bits(s->dr6, 32) || high_bits(s->dr7, 32))
		return false;
	if (!longmode)
		return true;
	return (s->cr4 & CR4_PAE) && (s->cr0 & CR0_PE) && !high_bits(s->cr3, cpu_phys_bits()) &&
	       !((s->cs.attrib & SEG_L) && (s->cs.attrib & SEG_D));
}

static bool event_valid(uint64_t event)
{
	unsigned type = EVENT_TYPE(event), vector = EVENT_VECTOR(event);

	if (!(event & EVENT_VALID) || type == EVENT_TYPE_INTR || type == EVENT_TYPE_NMI ||
	    type == EVENT_TYPE_SOFT)
		return true;
	return type == EVENT_TYPE_EXC && vector < VECTORS_EXC && vector != VEC_NMI;
}

static bool map_valid(uint64_t pa, uint64_t pages)
{
	uint64_t last = ALIGN_DOWN(pa, PAGE_SIZE) + pages * PAGE_SIZE - 1;

	return last > pa && !high_bits(last, cpu_phys_bits());
}

static bool pat_valid(uint64_t pat)
{
	for (unsigned i = 0; i < 8; i++, pat >>= 8) {
		uint8_t type = pat & 0xff;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

int vmcb_check(const struct vmcb *v)
{
	const struct vmcb_control *c = &v->control;
	bool valid = state_valid(&v->save) && event_valid(c->event_inj) && c->asid &&
		     c->asid < HOST_ASIDS && vmcb_intercepts(v, ICPT_VMRUN) &&
		     map_valid(c->iopm_pa, IOPM_PAGES) && map_valid(c->msrpm_pa, MSRPM_PAGES);

	if (valid && (c->nested_ctl & NESTED_NP_ENABLE))
		valid = !high_bits(c->ncr3, cpu_phys_bits()) && pat_valid(v->save.g_pat);
	return valid ? 0 : -CL_EINVAL;
}
