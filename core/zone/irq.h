/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts for a zone: which the host may raise, and when the zone takes them. */
#ifndef CORE_ZONE_IRQ_H
#define CORE_ZONE_IRQ_H

#include "zone/zone.h"

/*
 * The host's EVENTINJ: external interrupts and NMI are kept for the zone, #GP answers a write of an
 * MSR that the host plays, all else is refused. Before exit_complete. */
void irq_accept(struct zone_vcpu *vcpu, const struct vmcb *h);

/* Before an entry: offer the highest interrupt as V_IRQ, so that IF, shadow and TPR decide. */
void irq_prepare(struct zone_vcpu *vcpu);

/* After an exit: was it taken? Requeue what was being delivered. */
void irq_taken(struct zone_vcpu *vcpu);

/* An interrupt or NMI would be taken at once: HLT has nothing to wait for. */
bool irq_deliverable(const struct zone_vcpu *vcpu);

/* IRET of an NMI handler. */
void irq_nmi_done(struct zone_vcpu *vcpu);

#endif
