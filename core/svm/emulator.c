// SPDX-License-Identifier: Apache-2.0
#include "cpu/msr.h"
#include "cpu/regs.h"
#include "svm/apic.h"
#include "svm/emulator.h"

#define HYPERVISOR_NAME 0x40000000u /* CPUID: who emulates the machine, if anyone */
#define NAME_TCG	0x54474354u /* TCGT… */
#define LATE_MAX	4u
#define VIRTUAL_IRQ	(V_IRQ | V_INTR_PRIO_MASK | V_IGN_TPR | V_VECTOR_MASK)

static bool is_tcg(void)
{
	static enum { UNKNOWN, NO, YES } tcg;

	if (tcg == UNKNOWN)
		tcg = cpuid(HYPERVISOR_NAME, 0).ebx == NAME_TCG ? YES : NO;
	return tcg == YES;
}

void emulator_enter(struct vmcb *v, struct stand_in *s)
{
	struct vmcb_control *c = &v->control;

	s->used = false;
	s->look_again = is_tcg() && (c->int_ctl & V_IRQ);
	if (!is_tcg() || !(c->event_inj & EVENT_VALID) ||
	    EVENT_TYPE(c->event_inj) != EVENT_TYPE_INTR)
		return;
	s->used =
		(v->save.rflags & RFLAGS_IF) && !(c->int_state & INT_SHADOW) && s->late < LATE_MAX;
	if (!s->used) {
		s->late = 0;
		return;
	}
	s->look_again = true;
	s->event = c->event_inj;
	s->int_ctl = c->int_ctl;
	s->vintr = vmcb_intercepts(v, ICPT_VINTR);
	vmcb_no_intercept(v, ICPT_VINTR);
	c->event_inj = 0;
	c->int_ctl = (c->int_ctl & ~VIRTUAL_IRQ) | V_IRQ | V_IGN_TPR |
		     (uint64_t)EVENT_VECTOR(s->event) << V_VECTOR_SHIFT;
}

void emulator_exit(struct vmcb *v, struct stand_in *s)
{
	struct vmcb_control *c = &v->control;

	if (s->look_again)
		apic_look_again();
	if (!s->used)
		return;
	/* Not taken: it was the event under way, as when the CPU is cut short delivering one. */
	if ((c->int_ctl & V_IRQ) && !(c->exit_int_info & EVENT_VALID)) {
		c->exit_int_info = s->event;
		s->late++;
	} else {
		s->late = 0;
	}
	c->int_ctl = (c->int_ctl & ~VIRTUAL_IRQ) | (s->int_ctl & VIRTUAL_IRQ);
	if (s->vintr)
		vmcb_intercept(v, ICPT_VINTR);
}
