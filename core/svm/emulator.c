// SPDX-License-Identifier: Apache-2.0
#include <cloister/call.h>
#include "cpu/msr.h"
#include "cpu/regs.h"
#include "insn/assist.h"
#include "lib/string.h"
#include "svm/apic.h"
#include "svm/assist.h"
#include "svm/emulator.h"
#include "svm/event.h"
#include "svm/smp.h"

#define HYPERVISOR_NAME 0x40000000u /* CPUID: who emulates the machine, if anyone */
#define NAME_TCG	0x54474354u /* TCGT… */
#define HLT		0xf4u
#define CR4_EVERY_CPU	0x7ffu /* up to OSXMMEXCPT: what every x86-64 CPU has */

static bool is_tcg(void)
{
	static enum { UNKNOWN, NO, YES } tcg;

	if (tcg == UNKNOWN)
		tcg = cpuid(HYPERVISOR_NAME, 0).ebx == NAME_TCG ? YES : NO;
	return tcg == YES;
}

static void keep_from_lme_alone(struct vmcb *v, struct emulated *e, bool let_cr0)
{
	struct vmcb_save *s = &v->save;

	if (!(s->efer & EFER_LME))
		return;
	if ((s->cr0 & CR0_PG) && !let_cr0) {
		vmcb_intercept(v, ICPT_CR0_SEL);
		return;
	}
	vmcb_intercept(v, ICPT_CR_WRITE + 4);
	if ((s->cr0 & CR0_PG) || (s->cr4 & CR4_PAE))
		return;
	vmcb_intercept(v, ICPT_CR_READ + 4);
	s->cr4 |= CR4_PAE;
	e->pae = true;
}

struct emulated emulator_enter(struct vmcb *v, bool let_cr0)
{
	struct vmcb_control *c = &v->control;
	struct emulated e = {.tcg = is_tcg()};

	if (!e.tcg)
		return e;
	if ((c->event_inj & EVENT_VALID) && EVENT_TYPE(c->event_inj) == EVENT_TYPE_INTR)
		smp_kick_self();
	e.look_again = c->int_ctl & V_IRQ;
	memcpy(e.intercept, c->intercept, sizeof(e.intercept));
	keep_from_lme_alone(v, &e, let_cr0);
	return e;
}

void emulator_exit(struct vmcb *v, const struct emulated *e)
{
	if (!e->tcg)
		return;
	if (e->look_again)
		apic_look_again();
	memcpy(v->control.intercept, e->intercept, sizeof(e->intercept));
	if (e->pae && !(v->save.cr0 & CR0_PG))
		v->save.cr4 &= ~CR4_PAE;
}

void emulator_woken(struct vmcb *v, const struct space *space)
{
	uint8_t bytes[INSN_MAX_LENGTH];

	if (!is_tcg() || !(v->control.int_state & INT_SHADOW) || v->control.exit_code == EXIT_HLT ||
	    !space_fetch(space, bytes) || bytes[0] != HLT)
		return;
	v->save.rip++;
	v->control.int_state &= ~INT_SHADOW;
}

/* Bits of CR4 that the CPU has (APM vol. 2, section 3.1.3; vol. 3, appendix E). */
static uint32_t cr4_known(void)
{
	static const struct {
		uint8_t cr4, leaf, reg, bit;
	} features[] = {{11, 7, 2, 2},	{12, 7, 2, 16}, {16, 7, 1, 0},	{17, 1, 2, 17},
			{18, 1, 2, 26}, {20, 7, 1, 7},	{21, 7, 1, 20}, {22, 7, 2, 3}};
	uint32_t known = CR4_EVERY_CPU;

	for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		struct cpuid_regs r = cpuid(features[i].leaf, 0);
		uint32_t reg = features[i].reg == 1 ? r.ebx : r.ecx;

		known |= (reg >> features[i].bit & 1) << features[i].cr4;
	}
	return known;
}

void emulator_cr4(struct vmcb *v, uint64_t *gpr, const struct space *space)
{
	bool write = (uint32_t)v->control.exit_code >= EXIT_CR_WRITE;
	struct insn in;

	/* It was intercepted only because CR0 was let: from now on CR0 is, and the CPU does this.
	 */
	if (v->save.cr0 & CR0_PG)
		return;
	int r = assist_decode(space, &in);

	if (r == -CL_EFAULT) /* the page has just been taken away */
		return;
	if (r || in.opcode_map != 1 || in.opcode != (write ? 0x22 : 0x20) || in.reg != 4) {
		event_inject_exception(v, VEC_UD, false, 0);
		return;
	}
	uint64_t *reg = assist_gpr(v, gpr, in.rm);

	if (write && ((uint32_t)*reg & ~cr4_known())) {
		event_inject_exception(v, VEC_GP, true, 0);
		return;
	}
	if (write)
		v->save.cr4 = (uint32_t)*reg;
	else
		*reg = v->save.cr4;
	v->save.rip = insn_next_rip(&in, v->save.rip);
	v->control.int_state &= ~INT_SHADOW;
}
