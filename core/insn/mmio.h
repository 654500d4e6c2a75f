/* SPDX-License-Identifier: Apache-2.0 */
/* Moves between memory and a register or an immediate: what device registers are read with. */
#ifndef CORE_INSN_MMIO_H
#define CORE_INSN_MMIO_H

#include "insn.h"

struct mmio_op {
	bool write;	   /* to memory */
	uint8_t size;	   /* of the access: 1, 2, 4, 8 */
	uint8_t reg;	   /* the register moved, 0 … 15 */
	bool high_byte;	   /* AH, CH, DH, BH: bits 8 … 15 of reg */
	bool from_imm;	   /* a store of imm; reg is not used */
	uint64_t imm;	   /* sign-extended */
	uint8_t extend_to; /* loads: bytes of the register written */
	bool sign_extend;  /* loads: how */
};

/* -CL_EINVAL: not MOV, MOVZX, MOVSX or MOVSXD with a memory operand. */
int insn_mmio(const struct insn *in, struct mmio_op *out);

/* What a store writes, in the low op->size bytes. */
uint64_t mmio_store_value(const struct mmio_op *op, const uint64_t gpr[16]);

/* Complete a load of `value`: a 32-bit result clears the upper half, smaller ones merge. */
void mmio_load_result(const struct mmio_op *op, uint64_t gpr[16], uint64_t value);

#endif
