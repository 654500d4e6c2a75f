// SPDX-License-Identifier: Apache-2.0
#include "cpu/regs.h"
#include "svm/event.h"

#define VEC_NMI 2u

uint64_t event_normalise(uint64_t info)
{
	/*
	 * QEMU 7.2 reports every event that is no INT n as an exception (type 3), external
	 * interrupts and NMI too.
	 */
	if (!(info & EVENT_VALID) || EVENT_TYPE(info) != EVENT_TYPE_EXC)
		return info;
	unsigned vector = EVENT_VECTOR(info);

	if (vector >= 32)
		return EVENT(EVENT_TYPE_INTR, vector);
	if (vector == VEC_NMI)
		return EVENT(EVENT_TYPE_NMI, vector);
	return info;
}

bool event_is_soft(uint64_t info)
{
	unsigned vector = EVENT_VECTOR(info);

	return (info & EVENT_VALID) &&
	       (EVENT_TYPE(info) == EVENT_TYPE_SOFT ||
		(EVENT_TYPE(info) == EVENT_TYPE_EXC && (vector == VEC_BP || vector == VEC_OF)));
}

void event_requeue(struct vmcb *v, uint64_t injected)
{
	uint64_t info = event_normalise(v->control.exit_int_info);
	unsigned vector = EVENT_VECTOR(info);

	if (!(info & EVENT_VALID))
		return;
	/*
	 * INT n, INT3 and INTO of the guest itself: RIP is still at the instruction, which runs
	 * again. One that the host injected has no instruction to run again.
	 */
	bool same = (injected & EVENT_VALID) && EVENT_VECTOR(injected) == vector &&
		    EVENT_TYPE(injected) == EVENT_TYPE(info);

	if (event_is_soft(info) && !same)
		return;
	/* A virtual interrupt: it is under way as an event now, and must not be offered again. */
	if (EVENT_TYPE(info) == EVENT_TYPE_INTR && !same &&
	    vector == (v->control.int_ctl & V_VECTOR_MASK) >> V_VECTOR_SHIFT)
		v->control.int_ctl &= ~V_IRQ;
	v->control.event_inj = info;
}

void event_inject_exception(struct vmcb *v, unsigned vector, bool has_error, uint32_t error)
{
	v->control.event_inj = EVENT(EVENT_TYPE_EXC, vector);
	if (has_error)
		v->control.event_inj |= EVENT_HAS_ERROR | (uint64_t)error << 32;
}
