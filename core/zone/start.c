// SPDX-License-Identifier: Apache-2.0
#include "cpu/msr.h"
#include "lib/log.h"
#include "lib/string.h"
#include "svm/frame.h"
#include "svm/nested.h"
#include "svm/smp.h"
#include "zone/irq.h"
#include "zone/page.h"
#include "zone/start.h"

/* AMD APM vol. 2, chapter 16: the interrupt command register. */
#define ICR_LOW		 0x300u
#define ICR_HIGH	 0x310u
#define ICR_MODE(v)	 (((v) >> 8) & 7)
#define ICR_ASSERT	 BIT64(14)
#define ICR_LEVEL	 BIT64(15)
#define ICR_SHORTHAND(v) (((v) >> 18) & 3)
#define SHORTHAND_NONE	 0u
#define SHORTHAND_OTHERS 3u
#define MODE_INIT	 5u
#define MODE_STARTUP	 6u

/* The vCPU stops, wherever it runs: its CPU finds it no longer ON. */
static void take_init(struct zone_vcpu *v)
{
	v->state = VCPU_INIT;
	v->zone->vmcb12_pa[v->id] = NO_VMCB12;
	for (unsigned i = 0; i < nr_cpus; i++) {
		if (v->on == cpus[i])
			smp_kick(cpus[i]);
	}
}

void start_apic_write(struct zone_vcpu *vcpu, uint64_t offset, uint32_t value)
{
	struct zone *z = vcpu->zone;
	unsigned mode = ICR_MODE(value), shorthand = ICR_SHORTHAND(value);

	if (offset == ICR_HIGH)
		vcpu->icr_dest = (uint8_t)(value >> 24);
	if (offset != ICR_LOW || (mode != MODE_INIT && mode != MODE_STARTUP))
		return;
	if (mode == MODE_INIT && (value & ICR_LEVEL) && !(value & ICR_ASSERT))
		return;
	for (unsigned i = 0; i < z->nr_vcpus; i++) {
		struct zone_vcpu *v = z->vcpu[i];

		if (v == vcpu || (shorthand == SHORTHAND_NONE ? i != vcpu->icr_dest
							      : shorthand != SHORTHAND_OTHERS))
			continue;
		if (mode == MODE_INIT) {
			take_init(v);
		} else if (v->state == VCPU_INIT) {
			v->state = VCPU_STARTING;
			v->startup_vector = (uint8_t)value;
		}
	}
}

/* The state after a start-up interrupt: AMD APM vol. 2, section 14.1 and 16.5. */
static void registers(struct zone_vcpu *vcpu)
{
	struct vmcb_save *s = &vcpu->vmcb->save;
	struct vmcb_seg data = {.attrib = SEG_DATA16, .limit = 0xffff};

	memset(s, 0, sizeof(*s));
	s->cs = (struct vmcb_seg){.selector = (uint16_t)(vcpu->startup_vector << 8),
				  .attrib = SEG_CODE16,
				  .limit = 0xffff,
				  .base = (uint64_t)vcpu->startup_vector << PAGE_SHIFT};
	s->ds = s->es = s->ss = s->fs = s->gs = data;
	s->gdtr.limit = s->idtr.limit = 0xffff;
	s->tr = (struct vmcb_seg){.attrib = SEG_TSS, .limit = 0xffff};
	s->ldtr = (struct vmcb_seg){.attrib = SEG_LDT, .limit = 0xffff};
	s->cr0 = CR0_ET;
	s->efer = EFER_SVME;
	s->dr6 = DR6_INIT;
	s->dr7 = DR7_INIT;
	s->rflags = RFLAGS_ONE;
	s->g_pat = PAT_INIT;
	memset(vcpu->gpr, 0, sizeof(vcpu->gpr));
	vcpu->gpr[RDX] = cpuid(1, 0).eax;
	memset(vcpu->irq, 0, sizeof(vcpu->irq));
	vcpu->nmi_pending = vcpu->nmi_masked = false;
	vcpu->pending = PEND_NONE;
	vcpu->xcr0 = 1;
	vmcb_no_intercept(vcpu->vmcb, ICPT_IRET);
	vmcb_no_intercept(vcpu->vmcb, ICPT_CR_WRITE + 3);
	vcpu->vmcb->control.int_state = 0;
	vcpu->vmcb->control.event_inj = 0;
	vcpu->vmcb->control.int_ctl = V_INTR_MASKING;
	vcpu->flat = true;
	vcpu->vmcb->control.ncr3 = virt_to_phys(vcpu->zone->npt.root);
	vcpu->last_cpu = NULL; /* flushes */
}

static void adopt(struct cpu *cpu, struct zone_vcpu *vcpu, uint64_t pa)
{
	const struct vmcb *h = cpu->nested.vmcb12;

	vcpu->state = VCPU_ON;
	vcpu->zone->vmcb12_pa[vcpu->id] = pa;
	registers(vcpu);
	vcpu->face = h->save;
	vcpu->face.rip = FACE_RIP;
	vcpu->face.rflags = RFLAGS_ONE | RFLAGS_IF;
	vcpu_drop_view(vcpu);
	vcpu->view_ncr3 = h->control.ncr3;
	vcpu->host_asid = h->control.asid;
	vcpu->host_tsc_offset = h->control.tsc_offset;
	log_debug("zone %lu: vCPU %u starts", vcpu->zone->instance, vcpu->id);
	vcpu_begin(cpu, vcpu);
}

/* The host shall map the start-up page first, so that the Core sees whose it is. */
static void ask_for_page(struct cpu *cpu, uint64_t gpa)
{
	struct vmcb *to = nested_vmcb12(cpu);

	if (to) {
		to->control.exit_code = EXIT_NPF;
		to->control.exit_info1 = NPF_U | NPF_FINAL;
		to->control.exit_info2 = gpa;
		to->control.exit_int_info = 0;
	}
	nested_to_host(cpu);
}

static struct zone_vcpu *waiting(uint8_t vector, struct zone *z)
{
	for (unsigned i = 0; i < z->nr_vcpus; i++) {
		struct zone_vcpu *v = z->vcpu[i];

		if (v->state == VCPU_STARTING && v->startup_vector == vector && !v->on)
			return v;
	}
	return NULL;
}

static bool anyone_waiting(uint8_t vector)
{
	for (unsigned i = 0; i < ZONES_MAX; i++) {
		struct zone *z = zone_by_slot(i);

		if (z->state == CL_ZONE_LIVE && waiting(vector, z))
			return true;
	}
	return false;
}

bool start_adopt(struct cpu *cpu, uint64_t pa)
{
	const struct vmcb *h = cpu->nested.vmcb12;
	uint8_t vector = (uint8_t)(h->save.cs.base >> PAGE_SHIFT);
	uint64_t gpa = (uint64_t)vector << PAGE_SHIFT, error;
	struct nested_leaf leaf;
	unsigned slot;
	uint32_t gpn;

	if ((h->save.cr0 & CR0_PE) || h->save.rip || h->save.cs.base != gpa ||
	    !(h->control.nested_ctl & NESTED_NP_ENABLE) || !anyone_waiting(vector))
		return false;
	if (nested_walk(h->control.ncr3, gpa, 0, &leaf, &error)) {
		ask_for_page(cpu, gpa);
		return true;
	}
	/* Whose page is it? If the host has it at the moment: whose table leads there? */
	uint64_t pfn = (frame_is_host_ram(leaf.pa) ? leaf.entry : leaf.pa) >> PAGE_SHIFT;
	enum frame_state state = frame_state(pfn);

	if (state != FRAME_OPEN && state != FRAME_SEALED && state != FRAME_TABLE)
		return false;
	frame_owner(pfn, &slot, &gpn);
	struct zone *z = zone_by_slot(slot);
	struct zone_vcpu *vcpu =
		z->state == CL_ZONE_LIVE && gpn == (state == FRAME_TABLE ? 0 : vector)
			? waiting(vector, z)
			: NULL;

	if (vcpu)
		adopt(cpu, vcpu, pa);
	return vcpu != NULL;
}

void start_long_mode(struct zone_vcpu *vcpu)
{
	vcpu->flat = false;
	vcpu->vmcb->save.cr3 |= BIT64(zone_cbit());
	vcpu->vmcb->control.ncr3 = virt_to_phys(vcpu->view.root);
	vcpu->last_cpu = NULL; /* flushes */
}
