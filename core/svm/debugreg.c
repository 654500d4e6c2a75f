// SPDX-License-Identifier: Apache-2.0
#include <cloister/call.h>
#include "cpu/regs.h"
#include "insn/assist.h"
#include "svm/assist.h"
#include "svm/debugreg.h"
#include "svm/event.h"

#define DR7_WRITABLE 0xffff23ffull /* APM vol. 2, section 13.1.1.4 */

/* The CPU has checked CPL and the register's number before it exits (APM vol. 2, table 15-7). */
void debugreg_exit(struct debug_regs *d, struct vmcb *v, uint64_t *gpr, const struct space *space)
{
	unsigned code = (unsigned)v->control.exit_code, n = code % 16;
	bool write = code >= EXIT_DR_WRITE;
	struct insn in;

	int r = assist_decode(space, &in);

	/* The page has just been taken away: it is fetched again, and that fault tells who did. */
	if (r == -CL_EFAULT)
		return;
	if ((n == 5 && (v->save.cr4 & CR4_DE)) || r || in.opcode_map != 1 ||
	    in.opcode != (write ? 0x23 : 0x21) || in.reg != n) {
		event_inject_exception(v, VEC_UD, false, 0);
		return;
	}
	uint64_t *reg = assist_gpr(v, gpr, in.rm);
	uint64_t *dr = n < 4 ? &d->dr[n] : &d->dr7;
	uint64_t mask = in.mode == INSN_64 ? ~0ull : 0xffffffff;

	if (write && n >= 4 && (*reg & mask) >> 32) {
		event_inject_exception(v, VEC_GP, true, 0);
		return;
	}
	if (write)
		*dr = n < 4 ? *reg & mask : (*reg & DR7_WRITABLE) | DR7_INIT;
	else
		*reg = *dr & mask;
	v->save.rip = insn_next_rip(&in, v->save.rip);
	v->control.int_state &= ~INT_SHADOW;
}
