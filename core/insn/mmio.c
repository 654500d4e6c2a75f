// SPDX-License-Identifier: Apache-2.0
/* Plain moves, and what they do to registers (APM vol. 1, section 3.1.2). */
#include "mmio.h"

#include <cloister/call.h>

static const struct {
	uint8_t map, opcode, mask;
	uint8_t size; /* of the memory operand; 0: the operand size */
	bool store, sign;
} moves[] = {
	{0, 0x88, 0xfe, 0, true, false},  /* MOV r/m, r */
	{0, 0x8a, 0xfe, 0, false, false}, /* MOV r, r/m */
	{0, 0xa0, 0xfe, 0, false, false}, /* MOV rAX, moffs */
	{0, 0xa2, 0xfe, 0, true, false},  /* MOV moffs, rAX */
	{0, 0xc6, 0xfe, 0, true, false},  /* MOV r/m, imm */
	{0, 0x63, 0xff, 4, false, true},  /* MOVSXD */
	{1, 0xb6, 0xff, 1, false, false}, /* MOVZX from byte */
	{1, 0xb7, 0xff, 2, false, false}, /* MOVZX from word */
	{1, 0xbe, 0xff, 1, false, true},  /* MOVSX from byte */
	{1, 0xbf, 0xff, 2, false, true},  /* MOVSX from word */
};

static uint64_t low_bytes(uint64_t value, unsigned int size)
{
	return size < 8 ? value & ((1ull << (8 * size)) - 1) : value;
}

int insn_mmio(const struct insn *in, struct mmio_op *out)
{
	const size_t count = sizeof(moves) / sizeof(moves[0]);
	bool imm, high;
	size_t i = 0;

	while (i < count &&
	       (moves[i].map != in->opcode_map || moves[i].opcode != (in->opcode & moves[i].mask)))
		i++;
	if (i == count || !in->has_mem || (in->prefixes & INSN_P_LOCK))
		return -CL_EINVAL;
	/* Elsewhere 63 is ARPL; with a 16-bit destination AMD and Intel read different sizes. */
	if (moves[i].opcode == 0x63 && (in->mode != INSN_64 || in->opsize == 2))
		return -CL_EINVAL;

	imm = moves[i].opcode == 0xc6;
	/* Byte registers 4 … 7 are the high bytes of 0 … 3, unless there is a REX prefix. */
	high = in->opsize == 1 && !in->rex && in->reg >= 4;
	*out = (struct mmio_op){
		.write = moves[i].store,
		.size = moves[i].size ? moves[i].size : in->opsize,
		.reg = imm ? 0 : (uint8_t)(high ? in->reg - 4 : in->reg), /* RAX without ModRM */
		.high_byte = high,
		.from_imm = imm,
		.imm = imm ? in->imm : 0,
		.extend_to = in->opsize,
		.sign_extend = moves[i].sign,
	};
	return 0;
}

uint64_t mmio_store_value(const struct mmio_op *op, const uint64_t gpr[16])
{
	uint64_t value = op->from_imm ? op->imm : gpr[op->reg & 15] >> (op->high_byte ? 8 : 0);

	return low_bytes(value, op->size);
}

void mmio_load_result(const struct mmio_op *op, uint64_t gpr[16], uint64_t value)
{
	uint64_t *reg = &gpr[op->reg & 15];
	unsigned int unused = 64 - 8u * op->size;

	value = low_bytes(value, op->size);
	if (op->sign_extend)
		value = (uint64_t)((int64_t)(value << unused) >> unused);
	value = low_bytes(value, op->extend_to);
	if (op->high_byte)
		*reg = (*reg & ~0xff00ull) | value << 8;
	else if (op->extend_to >= 4)
		*reg = value;
	else
		*reg = (*reg & ~low_bytes(~0ull, op->extend_to)) | value;
}
