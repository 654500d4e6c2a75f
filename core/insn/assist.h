/* SPDX-License-Identifier: Apache-2.0 */
/* Decode assists and next RIP in software, for a CPU that lacks them. */
#ifndef CORE_INSN_ASSIST_H
#define CORE_INSN_ASSIST_H

#include "insn.h"

/*
 * EXITINFO1 as a CPU with decode assists sets it when it intercepts this instruction: MOV CR,
 * CLTS, LMSW, SMSW, MOV DR, INT n, INVLPG, INVLPGA. next_rip and seg_base (of in->segment) are
 * used for INVLPG only. Any other instruction: -CL_EINVAL.
 */
int insn_exitinfo1(const struct insn *in, const uint64_t gpr[16], uint64_t next_rip,
		   uint64_t seg_base, uint64_t *exitinfo1);

/* The address of the instruction behind this one, which is at rip. */
uint64_t insn_next_rip(const struct insn *in, uint64_t rip);

#endif
