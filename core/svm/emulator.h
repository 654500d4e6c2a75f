/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What QEMU's TCG does otherwise than a CPU, and cannot be taught. On any other machine nothing.
 *
 * An external interrupt that VMRUN injects is delivered at once, but its vector stays where TCG
 * keeps exceptions to raise: if it stops for another CPU's turn before the guest's next exception
 * or exit, the guest takes the interrupt a second time, with RFLAGS.IF = 0 (seen in QEMU 7.2, by
 * the type of EXITINTINFO at the next exit). So an NMI is under way to this CPU with each such
 * event: the guest exits as soon as it has been delivered, and TCG forgets its vector by that.
 *
 * VMRUN with a virtual interrupt changes the CPU's word of pending requests without the lock that
 * devices' threads take for that, and one of theirs may be lost: most often that of the APIC's
 * timer, and the host stands still until something else interrupts it. After such an entry the APIC
 * is made to look again.
 */
#ifndef CORE_SVM_EMULATOR_H
#define CORE_SVM_EMULATOR_H

#include "svm/vmcb.h"

/* Before each entry of a guest; true: emulator_exit has to come after it. */
bool emulator_enter(const struct vmcb *v);
void emulator_exit(void);

#endif
