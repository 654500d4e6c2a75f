// SPDX-License-Identifier: Apache-2.0
/*
 * x86 instruction decoder. The tables follow the opcode maps of AMD APM vol. 3, appendix A; the
 * layout of an instruction is in its chapter 1. Where AMD and Intel differ (66 before a near
 * branch in 64-bit mode), AMD's reading is taken: this is SVM.
 */
#include "insn.h"

#include <cloister/call.h>

/* What follows an opcode. Low nibble: its immediate. */
enum {
	IMM_NONE,
	I8,	    /* one byte, sign-extended */
	U8,	    /* one byte, zero-extended */
	I2,	    /* two bytes */
	IZ,	    /* 2 or 4 bytes by operand size, sign-extended */
	IV,	    /* 2, 4 or 8 bytes by operand size */
	IE,	    /* ENTER: two bytes, then one (imm: level << 32 | size) */
	IP,	    /* far pointer: offset of 2 or 4 bytes, selector */
	IA,	    /* A0–A3: an address, by address size */
	IT,	    /* group 3: TEST has an immediate, the others have none */
	M = 0x010,  /* ModRM byte */
	B = 0x020,  /* byte operands */
	W = 0x040,  /* operand size 64 by default in 64-bit mode: stack, near branches */
	R = 0x080,  /* MOV CR/DR: mod is ignored, always registers of full size */
	G = 0x100,  /* ModRM restricted, see groups[] */
	P = 0x200,  /* port I/O: never more than 4 bytes */
	N = 0x400,  /* not in 64-bit mode */
	Y = 0x800,  /* memory operands only; with a register something else, as VEX and EVEX */
	X = 0x1000, /* not an instruction, or not supported; prefixes and escapes as well */
	MB = M | B,
};

/* A row is 16 opcodes, or 8, or what its range says. */
/* clang-format off */
static const uint16_t one_byte[256] = {
	/* 00 */ MB, M, MB, M, B | I8, IZ, N, N, MB, M, MB, M, B | I8, IZ, N, X,
	/* 10 */ MB, M, MB, M, B | I8, IZ, N, N, MB, M, MB, M, B | I8, IZ, N, N,
	/* 20 */ MB, M, MB, M, B | I8, IZ, X, N, MB, M, MB, M, B | I8, IZ, X, N,
	/* 30 */ MB, M, MB, M, B | I8, IZ, X, N, MB, M, MB, M, B | I8, IZ, X, N,
	[0x40 ... 0x4f] = N, [0x50 ... 0x5f] = W,
	/* 60 */ N, N, M | Y | N, M, X, X, X, X, W | IZ, M | IZ, W | I8, M | I8, B, P, B, P,
	[0x70 ... 0x7f] = W | I8,
	/* 80 */ MB | I8, M | IZ, MB | I8 | N, M | I8, MB, M, MB, M,
	/* 88 */ MB, M, MB, M, M | G, M | Y, M | G, M | W | G,
	/* 90 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, IP | N, 0, W, W, 0, 0,
	/* a0 */ B | IA, IA, B | IA, IA, B, 0, B, 0, B | I8, IZ, B, 0, B, 0, B, 0,
	[0xb0 ... 0xb7] = B | I8, [0xb8 ... 0xbf] = IV,
	/* c0 */ MB | U8, M | U8, W | I2, W, M | Y | N, M | Y | N, MB | G | I8, M | G | IZ,
	/* c8 */ W | IE, W, I2, 0, 0, U8, N, 0,
	/* d0 */ MB, M, MB, M, U8 | N, U8 | N, X, B, M, M, M, M, M, M, M, M,
	/* e0 */ W | I8, W | I8, W | I8, W | I8, B | U8, P | U8, B | U8, P | U8,
	/* e8 */ W | IZ, W | IZ, IP | N, W | I8, B, P, B, P,
	/* f0 */ X, 0, X, X, 0, 0, MB | IT, M | IT, 0, 0, 0, 0, 0, 0, MB | G, M | G,
};

static const uint16_t two_byte[256] = {
	/* 00 */ M | G, M | G, M, M, X, 0, 0, 0, 0, 0, X, 0, X, M | Y, 0, M | U8,
	[0x10 ... 0x1f] = M,
	/* 20 */ M | R, M | R, M | R, M | R, X, X, X, X, M, M, M, M, M, M, M, M,
	/* 30 */ 0, 0, 0, 0, 0, 0, [0x36 ... 0x3f] = X,
	[0x40 ... 0x6f] = M,
	/* 70 */ M | U8, M | U8, M | U8, M | U8, M, M, M, 0, X, X, X, X, M, M, M, M,
	[0x80 ... 0x8f] = W | IZ, [0x90 ... 0x9f] = MB,
	/* a0 */ W, W, 0, M, M | U8, M, X, X, W, W, 0, M, M | U8, M, M, M,
	/* b0 */ MB, M, M | Y, M, M | Y, M | Y, M, M, M, X, M | G | U8, M, M, M, M, M,
	/* c0 */ MB, M, M | U8, M | Y, M | U8, M | U8, M | U8, M | G, 0, 0, 0, 0, 0, 0, 0, 0,
	[0xd0 ... 0xfe] = M, [0xff] = X,
};
/* clang-format on */

/* Which values of ModRM.reg (bit n: reg = n) are instructions, with memory and with a register. */
static const struct {
	uint8_t map, opcode, memory, registers;
} groups[] = {
	{0, 0x8c, 0x3f, 0x3f}, /* MOV from Sreg */
	{0, 0x8e, 0x3d, 0x3d}, /* MOV to Sreg, not CS */
	{0, 0x8f, 0x01, 0x01}, /* POP; else XOP */
	{0, 0xc6, 0x01, 0x01}, /* MOV, byte */
	{0, 0xc7, 0x01, 0x01}, /* MOV */
	{0, 0xfe, 0x03, 0x03}, /* INC, DEC, byte */
	{0, 0xff, 0x7f, 0x57}, /* INC, DEC, CALL, JMP (far ones: memory only), PUSH */
	{1, 0x00, 0x3f, 0x3f}, /* SLDT, STR, LLDT, LTR, VERR, VERW */
	{1, 0x01, 0xdf, 0x00}, /* SGDT, SIDT, LGDT, LIDT, SMSW, LMSW, INVLPG; group7[] */
	{1, 0xba, 0xf0, 0xf0}, /* BT, BTS, BTR, BTC */
	{1, 0xc7, 0x3a, 0xc0}, /* CMPXCHG8B, XSAVEC …; RDRAND, RDSEED */
};

/*
 * 0F 01 with mod = 3: by reg, which values of rm. 1: MONITOR, MWAIT, CLAC, STAC; 2: XGETBV,
 * XSETBV; 3: the SVM instructions; 4: SMSW; 5: RDPKRU, WRPKRU; 6: LMSW; 7: SWAPGS, RDTSCP,
 * MONITORX, MWAITX, CLZERO, RDPRU, INVLPGB, TLBSYNC.
 */
static const uint8_t group7[8] = {0x00, 0x0f, 0x03, 0xff, 0xff, 0xc0, 0xff, 0xff};

/* 16-bit addressing (APM vol. 3, table A-34): base and index by ModRM.rm. */
static const uint8_t base16[8] = {3, 3, 5, 5, 6, 7, 5, 3};
static const uint8_t index16[8] = {6, 7, 6, 7, INSN_NO_REG, INSN_NO_REG, INSN_NO_REG, INSN_NO_REG};

struct cursor {
	const uint8_t *bytes;
	size_t n;
	uint8_t pos;
};

/* The next `size` bytes, little-endian. */
static int fetch(struct cursor *c, unsigned int size, uint64_t *value)
{
	if (c->pos + size > INSN_MAX_LENGTH)
		return -CL_EINVAL;
	if (c->pos + size > c->n)
		return -CL_E2BIG;
	*value = 0;
	for (unsigned int i = 0; i < size; i++)
		*value |= (uint64_t)c->bytes[c->pos++] << (8 * i);
	return 0;
}

static int fetch_signed(struct cursor *c, unsigned int size, int64_t *value)
{
	uint64_t raw;
	int err = fetch(c, size, &raw);

	if (!err)
		*value = (int64_t)(raw << (64 - 8 * size)) >> (64 - 8 * size);
	return err;
}

/* 64-bit mode ignores ES, CS, SS and DS (APM vol. 3, section 1.2.4). */
static void set_segment(struct insn *in, int segment)
{
	if (in->mode == INSN_64 && segment < INSN_FS)
		return;
	in->prefixes |= INSN_P_SEGMENT;
	in->segment = (uint8_t)segment;
}

static bool legacy_prefix(struct insn *in, uint8_t byte)
{
	const unsigned int repeats = INSN_P_REP | INSN_P_REPNE;

	if (byte == 0x66)
		in->prefixes |= INSN_P_OPSIZE;
	else if (byte == 0x67)
		in->prefixes |= INSN_P_ADDRSIZE;
	else if (byte == 0xf0)
		in->prefixes |= INSN_P_LOCK;
	else if (byte == 0xf2)
		in->prefixes = (uint8_t)((in->prefixes & ~repeats) | INSN_P_REPNE);
	else if (byte == 0xf3)
		in->prefixes = (uint8_t)((in->prefixes & ~repeats) | INSN_P_REP);
	else if ((byte & 0xfe) == 0x64) /* 64, 65 */
		set_segment(in, INSN_FS + (byte & 1));
	else if ((byte & 0xe7) == 0x26) /* 26, 2e, 36, 3e */
		set_segment(in, byte >> 3 & 3);
	else
		return false;
	return true;
}

/* Prefixes and opcode. A REX prefix counts only right before the opcode. */
static int decode_opcode(struct insn *in, struct cursor *c)
{
	uint64_t byte;
	int err;

	while (!(err = fetch(c, 1, &byte))) {
		if (in->mode == INSN_64 && (byte & 0xf0) == 0x40)
			in->rex = (uint8_t)byte;
		else if (legacy_prefix(in, (uint8_t)byte))
			in->rex = 0;
		else
			break;
	}
	if (!err && byte == 0x0f) {
		in->opcode_map = 1;
		err = fetch(c, 1, &byte);
		if (!err && (byte == 0x38 || byte == 0x3a)) {
			in->opcode_map = byte == 0x38 ? 2 : 3;
			err = fetch(c, 1, &byte);
		}
	}
	if (!err)
		in->opcode = (uint8_t)byte;
	return err;
}

static uint16_t attributes(const struct insn *in)
{
	if (in->opcode_map < 2)
		return in->opcode_map ? two_byte[in->opcode] : one_byte[in->opcode];
	return in->opcode_map == 2 ? M : M | U8;
}

static void set_sizes(struct insn *in, uint16_t attr)
{
	bool opsize = in->prefixes & INSN_P_OPSIZE, addrsize = in->prefixes & INSN_P_ADDRSIZE;

	if (in->mode == INSN_64) {
		in->opsize = (in->rex & INSN_REX_W) ? 8 : opsize ? 2 : (attr & W) ? 8 : 4;
		in->addrsize = addrsize ? 4 : 8;
	} else {
		in->opsize = (in->mode == INSN_32) != opsize ? 4 : 2;
		in->addrsize = (in->mode == INSN_32) != addrsize ? 4 : 2;
	}
	if (attr & R)
		in->opsize = in->mode == INSN_64 ? 8 : 4;
	if ((attr & P) && in->opsize == 8)
		in->opsize = 4;
	if (attr & B)
		in->opsize = 1;
}

static bool group_valid(const struct insn *in)
{
	unsigned int reg = in->modrm >> 3 & 7, rm = in->modrm & 7;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (groups[i].map != in->opcode_map || groups[i].opcode != in->opcode)
			continue;
		if (in->opcode_map == 1 && in->opcode == 0x01 && in->mod == 3)
			return group7[reg] >> rm & 1;
		return (in->mod == 3 ? groups[i].registers : groups[i].memory) >> reg & 1;
	}
	return false;
}

static int decode_sib(struct insn *in, struct cursor *c)
{
	uint64_t sib;
	int err = fetch(c, 1, &sib);

	if (err)
		return err;
	in->scale = (uint8_t)(1u << (sib >> 6));
	in->index = (uint8_t)((sib >> 3 & 7) | (in->rex & INSN_REX_X ? 8 : 0));
	if (in->index == 4)
		in->index = INSN_NO_REG;
	in->base = (uint8_t)((sib & 7) | (in->rex & INSN_REX_B ? 8 : 0));
	if ((sib & 7) == 5 && in->mod == 0) {
		in->base = INSN_NO_REG;
		return fetch_signed(c, 4, &in->disp);
	}
	return 0;
}

/* The memory operand that ModRM names (APM vol. 3, section 1.4). */
static int decode_memory(struct insn *in, struct cursor *c)
{
	uint8_t rm = in->modrm & 7, disp_size = in->addrsize == 2 ? 2 : 4;
	int err = 0;

	in->has_mem = true;
	if (in->addrsize == 2) {
		in->base = base16[rm];
		in->index = index16[rm];
		if (in->mod == 0 && rm == 6)
			in->base = INSN_NO_REG;
	} else if (rm == 4) {
		err = decode_sib(in, c);
	} else if (in->mod == 0 && rm == 5) {
		in->rip_relative = in->mode == INSN_64;
	} else {
		in->base = in->rm;
	}
	if (err)
		return err;

	if (!(in->prefixes & INSN_P_SEGMENT) && (in->base == 4 || in->base == 5))
		in->segment = INSN_SS;
	if (in->mod == 1)
		return fetch_signed(c, 1, &in->disp);
	if (in->mod == 2 || (in->base == INSN_NO_REG && rm != 4))
		return fetch_signed(c, disp_size, &in->disp);
	return 0;
}

static int decode_modrm(struct insn *in, struct cursor *c, uint16_t attr)
{
	uint64_t modrm;
	int err = fetch(c, 1, &modrm);

	if (err)
		return err;
	in->has_modrm = true;
	in->modrm = (uint8_t)modrm;
	in->mod = (attr & R) ? 3 : (uint8_t)(modrm >> 6);
	in->reg = (uint8_t)((modrm >> 3 & 7) | (in->rex & INSN_REX_R ? 8 : 0));
	in->rm = (uint8_t)((modrm & 7) | (in->rex & INSN_REX_B ? 8 : 0));
	if (((attr & Y) && in->mod == 3) || ((attr & G) && !group_valid(in)))
		return -CL_EINVAL;
	/* FF: near CALL, JMP and PUSH go by the stack's size; INC, DEC, far CALL and JMP do not. */
	if (in->opcode_map == 0 && in->opcode == 0xff && (0x54u >> (modrm >> 3 & 7) & 1))
		set_sizes(in, attr | W);
	return in->mod == 3 ? 0 : decode_memory(in, c);
}

static int decode_immediate(struct insn *in, struct cursor *c, uint16_t attr)
{
	unsigned int kind = attr & 0xf, z = in->opsize == 8 ? 4 : in->opsize;
	uint64_t second = 0;
	int64_t value = 0;
	int err;

	if (kind == IT)
		kind = (in->modrm >> 3 & 7) > 1 ? IMM_NONE : IZ;
	switch (kind) {
	case I8:
	case IZ:
		err = fetch_signed(c, kind == I8 ? 1 : z, &value);
		in->imm = (uint64_t)value;
		return err;
	case U8:
		return fetch(c, 1, &in->imm);
	case I2:
		return fetch(c, 2, &in->imm);
	case IV:
		return fetch(c, in->opsize, &in->imm);
	case IE:
	case IP:
		err = fetch(c, kind == IE ? 2 : z, &in->imm);
		if (!err)
			err = fetch(c, kind == IE ? 1 : 2, &second);
		in->imm |= second << 32;
		return err;
	case IA:
		in->has_mem = true;
		err = fetch(c, in->addrsize, &second);
		in->disp = (int64_t)second;
		return err;
	default:
		return 0;
	}
}

int insn_decode(struct insn *out, const uint8_t *bytes, size_t n, enum insn_mode mode)
{
	struct insn in = {
		.mode = (uint8_t)mode,
		.segment = INSN_DS,
		.base = INSN_NO_REG,
		.index = INSN_NO_REG,
		.scale = 1,
	};
	struct cursor c = {.bytes = bytes, .n = n};
	uint16_t attr;
	int err;

	if (mode != INSN_16 && mode != INSN_32 && mode != INSN_64)
		return -CL_EINVAL;
	err = decode_opcode(&in, &c);
	if (err)
		return err;
	attr = attributes(&in);
	if ((attr & X) || ((attr & N) && mode == INSN_64))
		return -CL_EINVAL;
	set_sizes(&in, attr);
	if (attr & M)
		err = decode_modrm(&in, &c, attr);
	if (!err)
		err = decode_immediate(&in, &c, attr);
	if (err)
		return err;
	in.length = c.pos;
	*out = in;
	return 0;
}

uint64_t insn_effective(const struct insn *in, const uint64_t gpr[16], uint64_t next_rip,
			uint64_t seg_base)
{
	uint64_t address = (uint64_t)in->disp;

	if (in->rip_relative)
		address += next_rip;
	if (in->base != INSN_NO_REG)
		address += gpr[in->base & 15];
	if (in->index != INSN_NO_REG)
		address += gpr[in->index & 15] * in->scale;
	if (in->addrsize < 8)
		address &= (1ull << (8 * in->addrsize)) - 1;
	address += seg_base;
	return in->mode == INSN_64 ? address : address & 0xffffffff;
}
