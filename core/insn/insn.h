/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decoder for the x86 instructions that a #VMEXIT can be about.
 *
 * Without NRIPS and decode assists (AMD APM vol. 2, "Decode Assists") the Core must know by itself
 * how long an intercepted instruction is and what its operands are. The decoder is pure: bytes in,
 * description out; no state, no memory access besides the caller's buffer, at most 15 bytes.
 *
 * It covers the one-byte map, 0F, 0F38 and 0F3A. VEX, EVEX, XOP and SSE4a's EXTRQ/INSERTQ are
 * refused. It does not repeat checks that the CPU has made before it exits: where LOCK is allowed,
 * which mandatory prefix or register form an SSE or x87 opcode has, what real mode forbids.
 */
#ifndef CORE_INSN_INSN_H
#define CORE_INSN_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSN_MAX_LENGTH 15u

/* Default operand and address size of the code segment. */
enum insn_mode { INSN_16, INSN_32, INSN_64 };

enum insn_segment { INSN_ES, INSN_CS, INSN_SS, INSN_DS, INSN_FS, INSN_GS };

/* insn.prefixes; of REP and REPNE, as of segment overrides, the last one given counts. */
#define INSN_P_OPSIZE	0x01u
#define INSN_P_ADDRSIZE 0x02u
#define INSN_P_LOCK	0x04u
#define INSN_P_REP	0x08u
#define INSN_P_REPNE	0x10u
#define INSN_P_SEGMENT	0x20u

#define INSN_REX_B	0x01u
#define INSN_REX_X	0x02u
#define INSN_REX_R	0x04u
#define INSN_REX_W	0x08u

#define INSN_NO_REG	0xffu

/* Registers have their hardware numbers: RAX 0, RCX 1, RDX 2, RBX 3, RSP 4 … R15 15. */
struct insn {
	uint8_t length; /* of the whole instruction, 1 … 15 */
	uint8_t mode;	/* enum insn_mode */
	uint8_t prefixes;
	uint8_t rex;	    /* 0x40 … 0x4f, 0 = none in effect */
	uint8_t opcode_map; /* 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A */
	uint8_t opcode;
	uint8_t opsize;	  /* 1, 2, 4, 8; for moves with extension, of the destination */
	uint8_t addrsize; /* 2, 4, 8 */
	uint8_t segment;  /* enum insn_segment; of the memory operand, override or default */
	bool has_modrm;
	uint8_t modrm;	      /* as read */
	uint8_t mod, reg, rm; /* its parts, with REX.R and REX.B applied */
	bool has_mem;	      /* ModRM names memory, or the instruction is a MOV with A0–A3 */
	bool rip_relative;    /* then no base and no index */
	uint8_t base, index;  /* or INSN_NO_REG */
	uint8_t scale;	      /* 1, 2, 4, 8 */
	int64_t disp;	      /* sign-extended; A0–A3: the whole address */
	uint64_t imm; /* sign-extended where the CPU does; far pointer: selector << 32 | offset */
};

/*
 * Decode the first instruction of bytes[0 … n-1]. -CL_EINVAL: not an instruction, or one that is
 * not supported; -CL_E2BIG: it goes on behind byte n-1 (the end of a page, say).
 */
int insn_decode(struct insn *out, const uint8_t *bytes, size_t n, enum insn_mode mode);

/*
 * Linear address of the memory operand. next_rip: of the instruction behind this one; seg_base: of
 * in->segment, which in 64-bit mode is 0 for all but FS and GS.
 */
uint64_t insn_effective(const struct insn *in, const uint64_t gpr[16], uint64_t next_rip,
			uint64_t seg_base);

/* INS, OUTS, MOVS, CMPS, STOS, LODS, SCAS: operands through RSI and RDI, not ModRM. */
static inline bool insn_is_string(const struct insn *in)
{
	uint8_t op = in->opcode;

	return in->opcode_map == 0 && ((op >= 0x6c && op <= 0x6f) || (op >= 0xa4 && op <= 0xa7) ||
				       (op >= 0xaa && op <= 0xaf));
}

#endif
