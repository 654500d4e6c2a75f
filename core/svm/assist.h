/* SPDX-License-Identifier: Apache-2.0 */
/* NRIPS and decode assists for KVM and for the Core, where the CPU has none: insn/ does the work.
 */
#ifndef CORE_SVM_ASSIST_H
#define CORE_SVM_ASSIST_H

#include "cpu/regs.h"
#include "insn/insn.h"
#include "svm/vmcb.h"
#include "svm/walk.h"

/* A general register of a guest; gpr has all but RAX and RSP, which are in the VMCB. */
static inline uint64_t *assist_gpr(struct vmcb *v, uint64_t *gpr, unsigned n)
{
	return n == RAX ? &v->save.rax : n == RSP ? &v->save.rsp : &gpr[n];
}

/* The instruction at CS:RIP. 0 or -CL_EFAULT, -CL_EINVAL. */
int assist_decode(const struct space *space, struct insn *in);

/*
 * The store to device memory at CS:RIP, by a plain aligned move; steps over it. gpr: RAX and RSP
 * are taken from the VMCB. 0 or -CL_EFAULT, -CL_EINVAL.
 */
int assist_store(struct vmcb *v, const struct space *space, const uint64_t gpr[16], uint64_t gpa,
		 unsigned *size, uint64_t *value);

/* Complete an exit for the host: next RIP, instruction bytes, EXITINFO1 where decoding gives it. */
void assist_fill(struct vmcb *v, const struct space *space, const uint64_t gpr[16]);

/* Step over the instruction that caused an exit; -CL_E* and unchanged if it cannot be decoded. */
int assist_skip(struct vmcb *v, const struct space *space);

#endif
