// SPDX-License-Identifier: Apache-2.0
#include "cpu/msr.h"
#include "svm/apic.h"
#include "svm/emulator.h"
#include "svm/smp.h"

#define HYPERVISOR_NAME 0x40000000u /* CPUID: who emulates the machine, if anyone */
#define NAME_TCG	0x54474354u /* TCGT… */

static bool is_tcg(void)
{
	static enum { UNKNOWN, NO, YES } tcg;

	if (tcg == UNKNOWN)
		tcg = cpuid(HYPERVISOR_NAME, 0).ebx == NAME_TCG ? YES : NO;
	return tcg == YES;
}

bool emulator_enter(const struct vmcb *v)
{
	uint64_t event = v->control.event_inj;

	if (!is_tcg())
		return false;
	if ((event & EVENT_VALID) && EVENT_TYPE(event) == EVENT_TYPE_INTR)
		smp_kick_self();
	return v->control.int_ctl & V_IRQ;
}

void emulator_exit(void)
{
	apic_look_again();
}
