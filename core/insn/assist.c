// SPDX-License-Identifier: Apache-2.0
/* Decode assists (APM vol. 2, "Decode Assists") and nRIP ("State Saved on Exit"), chapter 15. */
#include "assist.h"

#include <cloister/call.h>

#define MOV_CR (1ull << 63) /* a MOV; clear for CLTS, LMSW, SMSW, which name no register */

int insn_exitinfo1(const struct insn *in, const uint64_t gpr[16], uint64_t next_rip,
		   uint64_t seg_base, uint64_t *exitinfo1)
{
	unsigned int opcode = in->opcode_map * 256u + in->opcode, group = in->modrm >> 3 & 7;

	if (opcode == 0x0cd) /* INT n */
		*exitinfo1 = in->imm;
	else if (opcode == 0x120 || opcode == 0x122) /* MOV CR */
		*exitinfo1 = MOV_CR | in->rm;
	else if (opcode == 0x121 || opcode == 0x123) /* MOV DR */
		*exitinfo1 = in->rm;
	else if (opcode == 0x106 || (opcode == 0x101 && (group == 4 || group == 6)))
		*exitinfo1 = 0;				       /* CLTS, SMSW, LMSW */
	else if (opcode == 0x101 && group == 7 && in->has_mem) /* INVLPG */
		*exitinfo1 = insn_effective(in, gpr, next_rip, seg_base);
	else if (opcode == 0x101 && in->modrm == 0xdf) /* INVLPGA: rAX of the address size */
		*exitinfo1 = gpr[0] & (~0ull >> (64 - 8u * in->addrsize));
	else
		return -CL_EINVAL;
	return 0;
}

uint64_t insn_next_rip(const struct insn *in, uint64_t rip)
{
	return in->mode == INSN_64 ? rip + in->length : (rip + in->length) & 0xffffffff;
}
