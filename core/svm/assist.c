// SPDX-License-Identifier: Apache-2.0
#include "cpu/regs.h"
#include "insn/assist.h"
#include "insn/mmio.h"
#include "lib/string.h"
#include "svm/assist.h"

static enum insn_mode mode_of(const struct vmcb_save *s)
{
	if ((s->efer & EFER_LMA) && (s->cs.attrib & SEG_L))
		return INSN_64;
	return (s->cr0 & CR0_PE) && (s->cs.attrib & SEG_D) ? INSN_32 : INSN_16;
}

int assist_decode(const struct space *space, struct insn *in)
{
	uint8_t bytes[INSN_MAX_LENGTH];
	size_t n = space_fetch(space, bytes);

	if (!n)
		return -CL_EFAULT;
	return insn_decode(in, bytes, n, mode_of(space->save));
}

int assist_skip(struct vmcb *v, const struct space *space)
{
	struct insn in;
	int r;

	if (v->control.next_rip) {
		v->save.rip = v->control.next_rip;
		v->control.int_state &= ~INT_SHADOW;
		return 0;
	}
	r = assist_decode(space, &in);
	if (r)
		return r;
	v->save.rip = insn_next_rip(&in, v->save.rip);
	v->control.int_state &= ~INT_SHADOW;
	return 0;
}

int assist_store(struct vmcb *v, const struct space *space, const uint64_t gpr[16], uint64_t gpa,
		 unsigned *size, uint64_t *value)
{
	uint64_t all[16];
	struct insn in;
	struct mmio_op op;
	int r = assist_decode(space, &in);

	if (r)
		return r;
	if (insn_mmio(&in, &op) || !op.write || (gpa & (op.size - 1u)))
		return -CL_EINVAL;
	memcpy(all, gpr, sizeof(all));
	all[RAX] = v->save.rax;
	all[RSP] = v->save.rsp;
	*size = op.size;
	*value = mmio_store_value(&op, all);
	v->save.rip = insn_next_rip(&in, v->save.rip);
	v->control.int_state &= ~INT_SHADOW;
	return 0;
}

/* Exits that one instruction asked for, so that "the next RIP" means something. */
static bool by_instruction(uint64_t code)
{
	return code < EXIT_EXCEPTION || code == EXIT_EXCEPTION + VEC_BP ||
	       code == EXIT_EXCEPTION + VEC_OF || (code >= EXIT_CR0_SEL && code <= EXIT_MSR) ||
	       (code >= EXIT_VMRUN && code <= EXIT_XSETBV);
}

static bool has_exitinfo1(uint64_t code)
{
	return code < EXIT_EXCEPTION || code == EXIT_CR0_SEL || code == EXIT_SWINT ||
	       code == EXIT_INVLPG || code == EXIT_INVLPGA;
}

static uint64_t segment_base(const struct vmcb_save *s, uint8_t segment)
{
	const struct vmcb_seg *seg[] = {&s->es, &s->cs, &s->ss, &s->ds, &s->fs, &s->gs};

	if (mode_of(s) == INSN_64 && segment < INSN_FS)
		return 0;
	return segment <= INSN_GS ? seg[segment]->base : 0;
}

void assist_fill(struct vmcb *v, const struct space *space, const uint64_t gpr[16])
{
	uint64_t code = v->control.exit_code, info;
	struct insn in;

	v->control.insn_len = 0;
	if (code == EXIT_NPF || code == EXIT_EXCEPTION + VEC_PF) {
		if (!(v->control.exit_info1 & NPF_I) && !(v->control.exit_info1 & NPF_WALK))
			v->control.insn_len = (uint8_t)space_fetch(space, v->control.insn_bytes);
		return;
	}
	if (!by_instruction(code) || assist_decode(space, &in))
		return;
	v->control.next_rip = insn_next_rip(&in, v->save.rip);
	if (code == EXIT_IOIO) {
		v->control.exit_info1 |= (uint64_t)in.addrsize
					 << IOIO_ADDRSIZE_SHIFT; /* 2, 4, 8 bytes */
		if (v->control.exit_info1 & IOIO_STR)
			v->control.exit_info1 |= (uint64_t)in.segment << IOIO_SEG_SHIFT;
	}
	if (has_exitinfo1(code) && !insn_exitinfo1(&in, gpr, v->control.next_rip,
						   segment_base(&v->save, in.segment), &info))
		v->control.exit_info1 = info;
}
