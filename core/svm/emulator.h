/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What QEMU's TCG does otherwise than a CPU, and cannot be taught. On any other machine nothing.
 *
 * An external interrupt that VMRUN injects is delivered at once, but its vector stays where TCG
 * keeps exceptions to raise: if it stops for another CPU's turn before the guest's next exception
 * or exit, the guest takes the interrupt a second time, with RFLAGS.IF = 0 (seen in QEMU 7.2, by
 * the type of EXITINTINFO at the next exit). A virtual interrupt leaves no such trace. So where the
 * guest can take one it stands in for the event, as long as the guest runs. What comes before it is
 * a pending interrupt of the machine. If that happens time and again, as when KVM wants the guest
 * to exit right after the event, the event is injected itself: an exit that is waiting leaves no
 * time for a second delivery.
 *
 * VMRUN with a virtual interrupt changes the CPU's word of pending requests without the lock that
 * devices' threads take for that, and one of theirs may be lost: most often that of the APIC's
 * timer, and the host stands still until something else interrupts it. After such an entry the APIC
 * is made to look again.
 */
#ifndef CORE_SVM_EMULATOR_H
#define CORE_SVM_EMULATOR_H

#include "svm/vmcb.h"

/* Of each CPU. */
struct stand_in {
	bool used;
	bool look_again;
	unsigned late;	  /* times in a row that something else came first */
	bool vintr;	  /* was intercepted */
	uint64_t event;	  /* EVENTINJ */
	uint64_t int_ctl; /* as it was */
};

/* Around each entry of a guest. */
void emulator_enter(struct vmcb *v, struct stand_in *s);
void emulator_exit(struct vmcb *v, struct stand_in *s);

#endif
