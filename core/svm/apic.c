// SPDX-License-Identifier: Apache-2.0
#include "cpu/msr.h"
#include "insn/assist.h"
#include "insn/mmio.h"
#include "lib/log.h"
#include "svm/apic.h"
#include "svm/assist.h"
#include "svm/event.h"
#include "svm/walk.h"

/* AMD APM vol. 2, chapter 16. */
#define APIC_BASE_DEFAULT 0xfee00000ull
#define MSI_WINDOW_SIZE	  0x100000ull
#define ICR_LOW		  0x300u
#define ICR_MODE(v)	  (((v) >> 8) & 7)
#define ICR_SHORTHAND(v)  (((v) >> 18) & 3)
#define LVT_FIRST	  0x320u
#define LVT_LAST	  0x370u
#define FIRST_REGISTER	  0x20u
#define ICR_MODE_FIXED	  0u
#define ICR_MODE_LOWEST	  1u
#define ICR_MODE_NMI	  4u
#define LVT_MODE_EXTINT	  7u
#define SHORTHAND_SELF	  1u

static uint64_t base;

void apic_init(void)
{
	base = rdmsr(MSR_APIC_BASE) & PTE_ADDR;
	if (base != APIC_BASE_DEFAULT)
		panic("local APIC at 0x%lx, not at its default address", base);
}

bool apic_is_page(uint64_t pa)
{
	return pa >= base && pa - base < MSI_WINDOW_SIZE;
}

bool apic_in_region(uint64_t pa)
{
	return ALIGN_DOWN(pa, NPT_SIZE(NPT_2M)) == ALIGN_DOWN(base, NPT_SIZE(NPT_2M));
}

uint64_t apic_base_msr(void)
{
	return rdmsr(MSR_APIC_BASE);
}

/* One host CPU in this version: an interrupt command may only be an interrupt or NMI to itself. */
static bool icr_allowed(uint32_t v)
{
	unsigned mode = ICR_MODE(v);

	if (mode == ICR_MODE_FIXED || mode == ICR_MODE_LOWEST)
		return true;
	return mode == ICR_MODE_NMI && ICR_SHORTHAND(v) == SHORTHAND_SELF;
}

/* A local vector may be an interrupt or NMI; SMI and INIT are not the host's to raise. */
static bool lvt_allowed(uint32_t v)
{
	unsigned mode = ICR_MODE(v);

	return mode == ICR_MODE_FIXED || mode == ICR_MODE_NMI || mode == LVT_MODE_EXTINT;
}

void apic_host_write(struct cpu *cpu, uint64_t gpa)
{
	struct vmcb *v = cpu->host_vmcb;
	struct space space;
	struct insn in;
	struct mmio_op op;
	uint64_t gpr[16];

	space_host(&space, &v->save);
	if (assist_decode(&space, &in) || insn_mmio(&in, &op) || !op.write || op.size != 4) {
		log_warn("host: write to the local APIC at RIP 0x%lx not understood", v->save.rip);
		refused_total++;
		event_inject_exception(v, VEC_GP, true, 0);
		return;
	}
	for (unsigned i = 0; i < 16; i++)
		gpr[i] = cpu->gpr[i];
	gpr[RAX] = v->save.rax;
	gpr[RSP] = v->save.rsp;
	uint32_t value = (uint32_t)mmio_store_value(&op, gpr);
	uint64_t offset = gpa - base;

	v->save.rip = insn_next_rip(&in, v->save.rip);
	/*
	 * Registers stand at multiples of 16. Other offsets alias them in QEMU's APIC, and its
	 * first 16 bytes are an MSI to CPU 0; so is the rest of the window.
	 */
	if (offset >= PAGE_SIZE || offset < FIRST_REGISTER || (offset & 15)) {
		log_warn("host: write of 0x%x to 0x%lx refused", value, gpa);
		refused_total++;
		return;
	}
	bool allowed = offset == ICR_LOW			   ? icr_allowed(value)
		       : offset >= LVT_FIRST && offset <= LVT_LAST ? lvt_allowed(value)
								   : true;

	if (!allowed) {
		log_info("host: interrupt command 0x%x refused: one host CPU", value);
		refused_total++;
		return;
	}
	*(volatile uint32_t *)phys_to_virt(base + offset) = value;
}
