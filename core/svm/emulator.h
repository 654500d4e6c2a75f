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
 *
 * VMRUN knows no interrupt shadow. A guest that exits between STI and HLT would take its interrupt
 * before the HLT, and then sleep: Linux's idle loop with a task to run and no timer. So an exit
 * there that is not the HLT's own counts as what ends it.
 *
 * #VMEXIT loads CR0 before CR4 and EFER, by the code of MOV to CR0: from a guest with LME = 1,
 * PG = 0 and PAE = 0 it loads no CR0 at all, and the Core would run on without paging. So no guest
 * gets there. While it runs with LME = 1 and PG = 0, PAE is set, which without paging has no
 * effect, and its accesses to CR4 are intercepted and played. With PG = 1 its writes to CR0 are
 * intercepted (only those that change more than TS and MP), and such a write is then made with CR4
 * intercepted. LME itself does not change without an exit: EFER is intercepted from all.
 */
#ifndef CORE_SVM_EMULATOR_H
#define CORE_SVM_EMULATOR_H

#include "svm/vmcb.h"
#include "svm/walk.h"

/* An entry of a guest: what was changed in its VMCB. */
struct emulated {
	bool tcg;
	bool look_again; /* at the APIC */
	bool pae;
	uint32_t intercept[ICPT_WORDS];
};

/* Around each entry of a guest. let_cr0: the write to CR0 that it exited for is to be made now. */
struct emulated emulator_enter(struct vmcb *v, bool let_cr0);
void emulator_exit(struct vmcb *v, const struct emulated *e);

/* After an exit of which the guest shall know nothing: step over a HLT in STI's shadow. */
void emulator_woken(struct vmcb *v, const struct space *space);

/* An exit that nobody but emulator_enter() wanted: an access to CR4. Does it, and steps over it. */
void emulator_cr4(struct vmcb *v, uint64_t *gpr, const struct space *space);

#endif
