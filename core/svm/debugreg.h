/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug registers as the host, its guests and zones see them. The CPU's own DR0 to DR3 hold the
 * Core's master key (cpu/master_key.h), so all accesses to them are intercepted and go to values
 * in memory: what was written is read back, and no breakpoint ever fires, for DR7 as the CPU has
 * it is always DR7_INIT. DR6 is the guest's; single-stepping works.
 */
#ifndef CORE_SVM_DEBUGREG_H
#define CORE_SVM_DEBUGREG_H

#include "svm/vmcb.h"
#include "svm/walk.h"

/* Intercept word 1: reads and writes of DR0 to DR3, DR7, and DR5, which may be DR7's alias. */
#define DEBUGREG_INTERCEPTS 0x00af00afu

struct debug_regs {
	uint64_t dr[4], dr7;
};

/* An exit by one of these: do it, and step over it. */
void debugreg_exit(struct debug_regs *d, struct vmcb *v, uint64_t *gpr, const struct space *space);

#endif
