// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for the instruction decoder and what stands on it. Input: one byte of mode, 16
 * register-seeding bytes, then the code. ASan sees reads past the end, UBSan what C leaves open;
 * the rest is checked here.
 */
#include <cloister/call.h>
#include "fuzz.h"
#include "insn/assist.h"
#include "insn/insn.h"
#include "insn/mmio.h"

#define HEADER 17u

/* Decode from a block of exactly n bytes. On failure *out must stay as it was. */
static int decode_exact(struct insn *out, const uint8_t *code, size_t n, enum insn_mode mode)
{
	uint8_t *block = malloc(n ? n : 1);
	struct insn before;
	int err;

	require(block != NULL);
	if (n)
		memcpy(block, code, n);
	memset(out, 0x5a, sizeof(*out));
	before = *out;
	err = insn_decode(out, block, n, mode);
	require(!err || !memcmp(out, &before, sizeof(before)));
	free(block);
	return err;
}

static int is_size(uint8_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static void check_decoded(const struct insn *in, const uint64_t gpr[16])
{
	uint64_t after[16], info;
	struct mmio_op op;
	uint64_t next = insn_next_rip(in, gpr[4]);

	require(is_size(in->opsize) && is_size(in->addrsize) && is_size(in->scale));
	require(in->segment <= INSN_GS && in->opcode_map <= 3);
	require(in->mod <= 3 && in->reg < 16 && in->rm < 16);
	require(in->base < 16 || in->base == INSN_NO_REG);
	require((in->index < 16 && in->index != 4) || in->index == INSN_NO_REG);
	require(!in->rip_relative || (in->base == INSN_NO_REG && in->index == INSN_NO_REG));
	require(in->mode == INSN_64 || !in->rex);
	(void)insn_exitinfo1(in, gpr, next, gpr[7], &info);
	if (in->has_mem && in->mode != INSN_64)
		require(insn_effective(in, gpr, next, gpr[7]) <= UINT32_MAX);
	else
		(void)insn_effective(in, gpr, next, gpr[7]);

	if (insn_mmio(in, &op))
		return;
	require(in->has_mem && is_size(op.size) && is_size(op.extend_to) && op.reg < 16);
	require(!op.high_byte || (op.reg < 4 && op.size == 1 && op.extend_to == 1));
	if (op.size < 8)
		require(mmio_store_value(&op, gpr) >> (8 * op.size) == 0);
	else
		(void)mmio_store_value(&op, gpr);
	memcpy(after, gpr, sizeof(after));
	mmio_load_result(&op, after, next);
	after[op.reg] = gpr[op.reg];
	require(!memcmp(after, gpr, sizeof(after)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct insn in, again;
	uint64_t gpr[16];
	enum insn_mode mode;
	const uint8_t *code;
	size_t n;
	int err;

	if (size < HEADER)
		return 0;
	mode = (enum insn_mode)(data[0] % 3);
	for (unsigned int i = 0; i < 16; i++)
		gpr[i] = 0x0101010101010101ull * data[1 + i] + i;
	code = data + HEADER;
	n = size - HEADER;

	err = decode_exact(&in, code, n, mode);
	if (err) {
		require(err == -CL_EINVAL || (err == -CL_E2BIG && n < INSN_MAX_LENGTH));
		return 0;
	}
	require(in.length >= 1 && in.length <= INSN_MAX_LENGTH && in.length <= n);
	/* The bytes behind the instruction do not matter, and none of its own is left out. */
	require(!decode_exact(&again, code, in.length, mode) && again.length == in.length &&
		again.disp == in.disp && again.imm == in.imm && again.modrm == in.modrm);
	for (size_t part = 0; part < in.length; part++)
		require(decode_exact(&again, code, part, mode) == -CL_E2BIG);
	check_decoded(&in, gpr);
	return 0;
}
