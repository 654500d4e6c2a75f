// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for the host's VMCB: a good one, changed by the input, is run. Either VMRUN
 * refuses it (#GP, VMEXIT_INVALID), or what the CPU would be entered with keeps the Core's rules
 * and the manual's (APM vol. 2, section 15.5.1). The page is changed again after it was copied:
 * nothing may be read twice.
 */
#include "cpu/msr.h"
#include "machine.h"
#include "svm/bitmap.h"
#include "svm/event.h"
#include "svm/nested.h"
#if __has_include("svm/vmcb_check.h")
#include "svm/vmcb_check.h"
#define CHECKED_WHOLE true
#else
#define CHECKED_WHOLE false /* the CPU is left to check most of it */
#endif

#define VMCB_FRAME (TABLES * TABLE_PAGES + 1)
#define CODE_FRAME (VMCB_FRAME + 1)

static bool wide(uint64_t value, unsigned bits)
{
	return bits < 64 && value >> bits;
}

/* What makes a VMCB one that no CPU takes. */
static bool illegal(const struct vmcb *v)
{
	const struct vmcb_control *c = &v->control;
	const struct vmcb_save *s = &v->save;
	uint64_t e = c->event_inj;
	bool paged = s->cr0 & CR0_PG, lme = s->efer & EFER_LME;

	if (!(s->efer & EFER_SVME) || wide(s->cr0, 32) || wide(s->dr6, 32) || wide(s->dr7, 32))
		return true;
	if ((s->cr0 & BIT64(29)) && !(s->cr0 & BIT64(30)))
		return true;
	if (wide(s->cr4, 32) || wide(s->efer, 16))
		return true;
	if (lme && paged && (!(s->cr4 & CR4_PAE) || !(s->cr0 & CR0_PE)))
		return true;
	if (lme && paged && (s->cs.attrib & SEG_L) && (s->cs.attrib & SEG_D))
		return true;
	if (!c->asid || !(c->intercept[4] & 1))
		return true;
	if (wide(c->iopm_pa, 40) || wide(c->msrpm_pa, 40))
		return true;
	if (e & EVENT_VALID) {
		unsigned type = EVENT_TYPE(e), vector = EVENT_VECTOR(e);

		if (type == 1 || type > 4 || (type == 3 && (vector > 31 || vector == 2)))
			return true;
	}
	return (c->nested_ctl & NESTED_NP_ENABLE) && wide(c->ncr3, 40);
}

static void check_entered(const struct cpu *cpu, const struct vmcb *h)
{
	static const unsigned always[] = {ICPT_IOIO,	ICPT_MSR,    ICPT_SHUTDOWN, ICPT_VMRUN,
					  ICPT_VMMCALL, ICPT_VMLOAD, ICPT_VMSAVE,   ICPT_STGI,
					  ICPT_CLGI,	ICPT_SKINIT, ICPT_INVLPGA,  ICPT_INVD};
	const struct vmcb *g = cpu->guest_vmcb;

	for (unsigned i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		require(vmcb_intercepts(g, always[i]));
	for (unsigned i = 0; i < ICPT_WORDS; i++)
		require(!(h->control.intercept[i] & ~g->control.intercept[i]));
	require(g->control.asid > 1 && g->control.asid <= HOST_ASIDS);
	require(g->control.nested_ctl == NESTED_NP_ENABLE);
	require(g->control.ncr3 == virt_to_phys(cpu->nested.shadow->npt.root));
	require(frame_state(g->control.iopm_pa >> PAGE_SHIFT) == FRAME_CORE);
	require(g->control.msrpm_pa == virt_to_phys(cpu->guest_msrpm));
	require(!g->control.avic_bar && !g->control.ghcb && !g->control.virt_ext);
	require(!(g->control.int_state & ~INT_SHADOW));
	require(!(g->control.int_ctl & ~(V_TPR_MASK | V_IRQ | V_INTR_PRIO_MASK | V_IGN_TPR |
					 V_INTR_MASKING | V_VECTOR_MASK)));
	require(g->save.efer & EFER_SVME);
	/* An injected software interrupt returns to the next RIP (NRIPS). */
	require(g->save.rip == h->save.rip ||
		(event_is_soft(h->control.event_inj) && g->save.rip == h->control.next_rip));
	require(g->save.cr3 == h->save.cr3 && g->save.cr0 == h->save.cr0 &&
		g->save.rflags == h->save.rflags && g->save.cpl == h->save.cpl);
	/* Of the MSRs only those that the VMCB switches, and only if the host lets it have them. */
	static const uint32_t watched[] = {MSR_TSC, 0x1b, MSR_EFER, MSR_VM_CR, MSR_SVM_HSAVE_PA};

	for (unsigned i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		require(bit_test(cpu->guest_msrpm, (unsigned)msrpm_bit(watched[i]) + 1));
}

static void make_good(struct vmcb *v)
{
	memset(v, 0, sizeof(*v));
	vmcb_intercept(v, ICPT_VMRUN);
	vmcb_intercept(v, ICPT_MSR);
	v->control.asid = 1;
	v->control.nested_ctl = NESTED_NP_ENABLE;
	v->control.ncr3 = host_root(0);
	v->control.iopm_pa = v->control.msrpm_pa = ram(0);
	v->save.efer = EFER_SVME | EFER_LME | EFER_LMA;
	v->save.cr0 = CR0_PE | CR0_PG;
	v->save.cr4 = CR4_PAE;
	v->save.cs.attrib = SEG_CODE64;
	v->save.rflags = RFLAGS_ONE;
	v->save.g_pat = PAT_INIT;
	v->save.dr6 = DR6_INIT;
	v->save.dr7 = DR7_INIT;
}

/* Fields that decide, more often than all the others. */
static void change(struct vmcb *v, struct input *in)
{
	uint64_t which = take(in, 1), value = 0;
	uint64_t *const words[] = {
		&v->save.efer,	       &v->save.cr0,	       &v->save.cr4,
		&v->save.cr3,	       &v->save.dr6,	       &v->save.dr7,
		&v->control.event_inj, &v->control.iopm_pa,    &v->control.msrpm_pa,
		&v->control.ncr3,      &v->control.nested_ctl, &v->save.g_pat,
		&v->control.int_ctl,   &v->control.int_state};

	if (which < 64) {
		value = 1ull << take(in, 1) % 64;
		*words[which % 14] ^= value;
	} else if (which < 128) {
		*words[which % 14] = take(in, 8);
	} else if (which < 160) {
		v->control.asid = (uint32_t)take(in, 1);
	} else if (which < 176) {
		v->control.tlb_control = (uint32_t)take(in, 1);
	} else if (which < 200) {
		v->save.cs.attrib = (uint16_t)take(in, 2);
	} else if (which < 224) {
		v->control.intercept[which % ICPT_WORDS] = (uint32_t)take(in, 4);
	} else {
		value = take(in, 8);
		memcpy((uint8_t *)v + take(in, 2) % (sizeof(*v) - 8), &value, 8);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool initialised;
	static const uint8_t vmrun[] = {0x0f, 0x01, 0xd8};
	struct input in = {data, size};
	struct vmcb v;

	if (!initialised)
		machine_init();
	initialised = true;
	machine_begin();
	struct cpu *cpu = this_cpu();

	memcpy(host_reach(ram(CODE_FRAME)), vmrun, sizeof(vmrun));
	make_good(&v);
	for (unsigned n = 0; in.left && n < 16; n++) {
		/* The first of a run may be as it is: then it must run. */
		bool same = !n && take(&in, 1) == 255;

		if (!same)
			change(&v, &in);
		struct vmcb *page = (struct vmcb *)host_reach(ram(VMCB_FRAME));

		memcpy(page, &v, sizeof(v));
		cpu->host_svme = true;
		cpu->host_vmcb->save.rax = ram(VMCB_FRAME);
		cpu->host_vmcb->save.rip = ram(CODE_FRAME);
		cpu->host_vmcb->control.exit_code = EXIT_VMRUN;
		cpu->host_vmcb->control.next_rip = 0;
		nested_vmrun(cpu);
		bool accepted = cpu->run == RUN_GUEST;

		require(accepted || n || !same);
#if __has_include("svm/vmcb_check.h")
		require(accepted == !vmcb_check(&v));
#endif
		require(!accepted || !CHECKED_WHOLE || !illegal(&v));
		if (accepted) {
			memset(page, 0xff, sizeof(*page));
			check_entered(cpu, &v);
			cpu->run = RUN_HOST;
		} else {
			require(page->control.exit_code == ~0ull);
			require(cpu->host_vmcb->save.rip == ram(CODE_FRAME) + sizeof(vmrun));
		}
		/* From a good one again, unless the changes are to add up. */
		if (take(&in, 1) & 1)
			make_good(&v);
	}
	machine_check();
	machine_end();
	return 0;
}
