// SPDX-License-Identifier: Apache-2.0
#include "lib/log.h"
#include "svm/event.h"
#include "zone/irq.h"

#define VEC_FIRST_EXTERNAL 32u
#define VEC_SYSCALL	   0x80u /* Linux's int 0x80: an interrupt there would run as one */
#define NO_IRQ		   0u

static unsigned highest(const struct zone_vcpu *vcpu)
{
	for (unsigned i = 4; i--;) {
		if (vcpu->irq[i])
			return i * 64 + 63 - (unsigned)__builtin_clzll(vcpu->irq[i]);
	}
	return NO_IRQ;
}

static void forget(struct zone_vcpu *vcpu, unsigned vector)
{
	vcpu->irq[vector / 64] &= ~BIT64(vector % 64);
}

void irq_accept(struct zone_vcpu *vcpu, const struct vmcb *h)
{
	uint64_t event = h->control.event_inj;
	unsigned vector = EVENT_VECTOR(event);

	if (!(event & EVENT_VALID))
		return;
	if (EVENT_TYPE(event) == EVENT_TYPE_INTR && vector >= VEC_FIRST_EXTERNAL &&
	    vector != VEC_SYSCALL) {
		vcpu->irq[vector / 64] |= BIT64(vector % 64);
	} else if (EVENT_TYPE(event) == EVENT_TYPE_NMI) {
		vcpu->nmi_pending = true;
	} else if (EVENT_TYPE(event) == EVENT_TYPE_EXC && vector == VEC_GP &&
		   vcpu->pending == PEND_MSR_WRITE) {
		vcpu->pending = PEND_NONE;
		event_inject_exception(vcpu->vmcb, VEC_GP, true, 0);
	} else {
		/*
		 * Not always malice: the face shows IF = 1, so KVM's PIC may offer IRQ 0 with the
		 * firmware's vector 8 while the zone's kernel is programming it.
		 */
		vcpu->zone->stats.refused++;
		refused_total++;
		log_debug("zone %lu: host's event 0x%lx refused", vcpu->zone->instance, event);
	}
}

bool irq_deliverable(const struct zone_vcpu *vcpu)
{
	unsigned vector = highest(vcpu);

	if (vcpu->nmi_pending && !vcpu->nmi_masked)
		return true;
	return vector && (vcpu->vmcb->save.rflags & RFLAGS_IF) &&
	       vector >> 4 > (vcpu->vmcb->control.int_ctl & V_TPR_MASK);
}

void irq_prepare(struct zone_vcpu *vcpu)
{
	struct vmcb *v = vcpu->vmcb;
	uint64_t vector = highest(vcpu);

	v->control.int_ctl &= V_TPR_MASK | V_INTR_MASKING;
	if (vector)
		v->control.int_ctl |=
			V_IRQ | (vector >> 4) << V_INTR_PRIO_SHIFT | vector << V_VECTOR_SHIFT;
	if (vcpu->nmi_pending && !vcpu->nmi_masked && !v->control.event_inj) {
		v->control.event_inj = EVENT(EVENT_TYPE_NMI, 2);
		vcpu->nmi_pending = false;
		vcpu->nmi_masked = true;
		vmcb_intercept(v, ICPT_IRET);
	}
}

void irq_taken(struct zone_vcpu *vcpu)
{
	struct vmcb *v = vcpu->vmcb;
	unsigned offered = highest(vcpu);
	uint64_t info = event_normalise(v->control.exit_int_info);

	if (offered && !(v->control.int_ctl & V_IRQ))
		forget(vcpu, offered);
	/* Its delivery has begun: EXITINTINFO has it from here on. */
	if ((info & EVENT_VALID) && EVENT_TYPE(info) == EVENT_TYPE_INTR)
		forget(vcpu, EVENT_VECTOR(info));
	event_requeue(v, vcpu->injected);
}

void irq_nmi_done(struct zone_vcpu *vcpu)
{
	vcpu->nmi_masked = false;
	vmcb_no_intercept(vcpu->vmcb, ICPT_IRET);
}
