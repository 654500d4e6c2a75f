// SPDX-License-Identifier: Apache-2.0
/*
 * The instruction decoder against two independent disassemblers, on every opcode and ModRM byte
 * under random prefixes, and on random bytes.
 *
 *   libopcodes  decides what is an instruction, and how long it is
 *   capstone    has the operands in structures: memory operand, register, immediate; and lengths
 *
 * The seed is fixed; INSN_SEED and INSN_ROUNDS (default 1) in the environment change the run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <capstone/capstone.h>
#define PACKAGE		"cloister" /* bfd.h asks for an autoconf header */
#define PACKAGE_VERSION "0"
#include <dis-asm.h>

#include "insn/insn.h"
#include "insn/mmio.h"

#define NO_OPINION 0xff

static disassemble_info opcodes_info[3];
static disassembler_ftype opcodes_print;
static char opcodes_text[256];
static size_t opcodes_used;
static csh capstone[3];
static cs_insn *capstone_insn;
static uint64_t random_state = 0x9e3779b97f4a7c15ull;

/* One byte string, and what each of the three says of it. A length of 0: not an instruction. */
struct trial {
	uint8_t bytes[INSN_MAX_LENGTH];
	enum insn_mode mode;
	struct insn in;
	unsigned int length;
	unsigned int opcodes_length;
	unsigned int capstone_length;
};

static struct {
	unsigned long trials, decoded, lengths, operands, sizes, constants, moves, failures;
} count;

/* xorshift64: the same on every machine. */
static uint64_t random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static int collect(const char *format, va_list args)
{
	size_t room = sizeof(opcodes_text) - opcodes_used;
	int n = vsnprintf(opcodes_text + opcodes_used, room, format, args);

	if (n > 0)
		opcodes_used += (size_t)n < room ? (size_t)n : room - 1;
	return n;
}

static int plain_printf(void *stream, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = collect(format, args);
	va_end(args);
	return n;
}

static int styled_printf(void *stream, enum disassembler_style style, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = collect(format, args);
	va_end(args);
	return n;
}

static int setup(void **state)
{
	static const unsigned long machines[] = {bfd_mach_i386_i8086, bfd_mach_i386_i386,
						 bfd_mach_x86_64};
	static const cs_mode modes[] = {CS_MODE_16, CS_MODE_32, CS_MODE_64};

	for (unsigned int i = 0; i < 3; i++) {
		disassemble_info *info = &opcodes_info[i];

		init_disassemble_info(info, NULL, plain_printf, styled_printf);
		info->arch = bfd_arch_i386;
		info->mach = machines[i];
		info->endian = BFD_ENDIAN_LITTLE;
		info->buffer_length = INSN_MAX_LENGTH;
		disassemble_init_for_target(info);
		if (cs_open(CS_ARCH_X86, modes[i], &capstone[i]) ||
		    cs_option(capstone[i], CS_OPT_DETAIL, CS_OPT_ON))
			return -1;
	}
	opcodes_print = disassembler(bfd_arch_i386, false, bfd_mach_x86_64, NULL);
	capstone_insn = cs_malloc(capstone[0]);
	if (getenv("INSN_SEED"))
		random_state ^= strtoull(getenv("INSN_SEED"), NULL, 0) * 0x2545f4914f6cdd1dull;
	return opcodes_print && capstone_insn ? 0 : -1;
}

static int teardown(void **state)
{
	cs_free(capstone_insn, 1);
	for (unsigned int i = 0; i < 3; i++)
		cs_close(&capstone[i]);
	return 0;
}

static bool is_prefix(const struct trial *t, uint8_t byte)
{
	return memchr("\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3", byte, 11) ||
	       (t->mode == INSN_64 && (byte & 0xf0) == 0x40);
}

/* Map (0 … 3) << 8 | opcode, found without the decoder; *modrm: the byte behind it. */
static unsigned int opcode_of(const struct trial *t, unsigned int *prefixes, uint8_t *modrm)
{
	unsigned int pos = 0, map = 0;
	uint8_t bytes[INSN_MAX_LENGTH + 4] = {0};

	memcpy(bytes, t->bytes, sizeof(t->bytes));
	while (pos < INSN_MAX_LENGTH && is_prefix(t, bytes[pos]))
		pos++;
	*prefixes = pos;
	if (bytes[pos] == 0x0f) {
		pos++;
		map = bytes[pos] == 0x38 ? 2 : bytes[pos] == 0x3a ? 3 : 1;
		if (map > 1)
			pos++;
	}
	*modrm = bytes[pos + 1];
	return map << 8 | bytes[pos];
}

static void ask(struct trial *t)
{
	disassemble_info *info = &opcodes_info[t->mode];
	const uint8_t *code = t->bytes;
	size_t left = sizeof(t->bytes);
	uint64_t address = 0;
	unsigned int prefixes, opcode;
	uint8_t modrm;
	int n;

	count.trials++;
	t->length = insn_decode(&t->in, t->bytes, sizeof(t->bytes), t->mode) ? 0 : t->in.length;

	opcode = opcode_of(t, &prefixes, &modrm);
	opcodes_used = 0;
	opcodes_text[0] = '\0';
	info->buffer = t->bytes;
	info->buffer_vma = 0;
	n = opcodes_print(0, info);
	/* It shows FWAIT and a following x87 instruction as one. */
	if (opcode == 0x09b)
		t->opcodes_length = NO_OPINION;
	else if (n <= 0 || strstr(opcodes_text, "(bad)"))
		t->opcodes_length = 0;
	else if ((unsigned int)n <= prefixes) /* it gave up: "rex.W" as an instruction */
		t->opcodes_length = NO_OPINION;
	else
		t->opcodes_length = (unsigned int)n;

	t->capstone_length =
		cs_disasm_iter(capstone[t->mode], &code, &left, &address, capstone_insn)
			? capstone_insn->size
			: 0;
}

static void report(const struct trial *t, const char *what)
{
	if (++count.failures > 20)
		return;
	fprintf(stderr, "# %s (%u-bit):", what, 16u << t->mode);
	for (size_t i = 0; i < sizeof(t->bytes); i++)
		fprintf(stderr, " %02x", t->bytes[i]);
	fprintf(stderr, "\n#   decoder %u, libopcodes %u \"%s\", capstone %u \"%s %s\"\n",
		t->length, t->opcodes_length, opcodes_text, t->capstone_length,
		t->capstone_length ? capstone_insn->mnemonic : "",
		t->capstone_length ? capstone_insn->op_str : "");
}

/* Opcodes whose legality the decoder leaves to the CPU (insn.h), by ranges of map and opcode. */
static bool legality_unchecked(unsigned int opcode)
{
	static const uint16_t ranges[][2] = {
		{0x0d8, 0x0df}, /* x87: undefined register forms */
		{0x109, 0x109}, /* WBNOINVD: with 66, F2 */
		{0x10f, 0x10f}, /* 3DNow!: undefined suffixes */
		{0x110, 0x117}, /* SSE, MMX: undefined prefixes and register forms */
		{0x11a, 0x11b}, /* MPX */
		{0x128, 0x12f}, {0x150, 0x177}, {0x17c, 0x17f}, /* SSE, MMX */
		{0x1ae, 0x1ae},					/* FXSAVE …: with 66, F2, F3 */
		{0x1b8, 0x1b8},					/* POPCNT: without F3 */
		{0x1bc, 0x1bd},					/* TZCNT, LZCNT: with F2 */
		{0x1c2, 0x1c2}, {0x1c4, 0x1c6},			/* SSE */
		{0x1c3, 0x1c3},					/* MOVNTI: with 66, F2, F3 */
		{0x1c7, 0x1c7},					/* RDRAND, RDSEED: with F2 */
		{0x1d0, 0x1fe},					/* SSE, MMX */
		{0x101, 0x101}, /* group 7, mod 3: with 66, F2, F3 */
		{0x200, 0x3ff}, /* 0F38, 0F3A: sparse maps */
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (opcode >= ranges[i][0] && opcode <= ranges[i][1])
			return true;
	}
	return false;
}

/* What libopcodes knows and the decoder refuses. */
static bool not_supported(unsigned int opcode, uint8_t modrm)
{
	unsigned int reg = modrm >> 3 & 7;

	switch (opcode) {
	case 0x062: /* EVEX, VEX, XOP */
	case 0x0c4:
	case 0x0c5:
	case 0x124: /* MOV TR, of the i386 */
	case 0x126:
	case 0x137: /* GETSEC */
	case 0x178: /* VMREAD, VMWRITE; EXTRQ, INSERTQ */
	case 0x179:
	case 0x1a6: /* VIA PadLock */
	case 0x1a7:
	case 0x1b9: /* UD1, UD0 */
	case 0x1ff:
		return true;
	case 0x08c: /* no such segment register; MOV to CS */
		return reg > 5;
	case 0x08e:
		return reg > 5 || reg == 1;
	case 0x08f: /* XOP */
		return reg != 0;
	case 0x0c6: /* XABORT, XBEGIN */
	case 0x0c7:
		return modrm == 0xf8;
	case 0x101: /* VMX, SGX, CET, SNP … */
		return reg == 5 || (modrm >= 0xc0 && reg != 3 && reg != 4 && reg != 6);
	case 0x10d: /* PREFETCH of a register */
		return modrm >= 0xc0;
	case 0x1c7: /* VMX, SENDUIPI */
		return reg >= 6;
	default:
		return false;
	}
}

static bool is_port_io(int opcode)
{
	return (opcode & 0xffc) == 0x06c || (opcode & 0xff4) == 0x0e4;
}

/*
 * Where capstone is wrong: it forgets 66 if there is F2 or F3 as well; with 66, or 67 and REX.W, it
 * takes the constant of near branches and RET, and the operand of PUSH, POP and port I/O, for
 * another size.
 */
static bool capstone_is_wrong(const struct trial *t, unsigned int opcode)
{
	bool near = opcode == 0x0c2 || opcode == 0x0e8 || opcode == 0x0e9 ||
		    (opcode >= 0x180 && opcode <= 0x18f);
	bool wide =
		opcode == 0x068 || opcode == 0x08f || opcode == 0x0ff || is_port_io((int)opcode);

	if ((t->in.prefixes & (INSN_P_OPSIZE | INSN_P_ADDRSIZE)) &&
	    (near || (wide && (t->in.rex & INSN_REX_W))))
		return true;
	return (t->in.prefixes & INSN_P_OPSIZE) && (t->in.prefixes & (INSN_P_REP | INSN_P_REPNE));
}

/* Number of a general-purpose register in capstone's naming; *high for AH … BH. */
static uint8_t gpr_number(x86_reg reg, uint8_t *size, bool *high)
{
	static const char *const old[8] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
	const char *name = cs_reg_name(capstone[INSN_64], reg);
	char *end;

	*high = false;
	*size = 0;
	if (!name)
		return INSN_NO_REG;
	for (uint8_t i = 0; i < 8; i++) {
		char low[8];

		snprintf(low, sizeof(low), i < 4 ? "%.1sl" : "%sl", old[i]);
		if (!strcmp(name, low))
			return *size = 1, i;
		if (i < 4 && name[0] == old[i][0] && !strcmp(name + 1, "h"))
			return *size = 1, *high = true, i;
		if (!strcmp(name, old[i]))
			return *size = 2, i;
		if ((name[0] == 'e' || name[0] == 'r') && !strcmp(name + 1, old[i]))
			return *size = name[0] == 'e' ? 4 : 8, i;
	}
	if (name[0] == 'r' && name[1] >= '0' && name[1] <= '9') {
		unsigned long n = strtoul(name + 1, &end, 10);

		*size = *end == 'b' ? 1 : *end == 'w' ? 2 : *end == 'd' ? 4 : 8;
		return (uint8_t)n;
	}
	return INSN_NO_REG;
}

static bool same_register(x86_reg reg, uint8_t number, uint8_t addrsize)
{
	uint8_t size;
	bool high;

	if (reg == X86_REG_INVALID || reg == X86_REG_RIZ || reg == X86_REG_EIZ)
		return number == INSN_NO_REG;
	return gpr_number(reg, &size, &high) == number && size == addrsize && !high;
}

static uint64_t low_bytes(uint64_t value, unsigned int size)
{
	return size < 8 ? value & ((1ull << 8 * size) - 1) : value;
}

static bool same_memory(const struct trial *t, const x86_op_mem *mem)
{
	static const x86_reg segments[] = {X86_REG_ES, X86_REG_CS, X86_REG_SS,
					   X86_REG_DS, X86_REG_FS, X86_REG_GS};
	const struct insn *in = &t->in;
	bool rip = mem->base == X86_REG_RIP || mem->base == X86_REG_EIP;
	uint8_t scale = in->index == INSN_NO_REG ? 1 : in->scale;

	if (rip != in->rip_relative || (!rip && !same_register(mem->base, in->base, in->addrsize)))
		return false;
	if (!same_register(mem->index, in->index, in->addrsize))
		return false;
	if (in->index != INSN_NO_REG && mem->scale != scale)
		return false;
	if (low_bytes((uint64_t)mem->disp, in->addrsize) !=
	    low_bytes((uint64_t)in->disp, in->addrsize))
		return false;
	/* In 64-bit mode capstone reports the overrides that are ignored, and the last of several.
	 */
	if (t->mode != INSN_64 && (in->prefixes & INSN_P_SEGMENT))
		return mem->segment == segments[in->segment];
	if (t->mode == INSN_64 && mem->segment >= X86_REG_FS && mem->segment <= X86_REG_GS)
		return mem->segment == segments[in->segment];
	return true;
}

static bool same_move(const struct trial *t, const struct mmio_op *op, const cs_x86 *x86)
{
	const cs_x86_op *memory = &x86->operands[op->write ? 0 : 1];
	const cs_x86_op *other = &x86->operands[op->write ? 1 : 0];
	uint8_t size;
	bool high;

	if (x86->op_count != 2 || memory->type != X86_OP_MEM || memory->size != op->size)
		return false;
	if (op->from_imm)
		return other->type == X86_OP_IMM &&
		       low_bytes((uint64_t)other->imm, op->size) == low_bytes(op->imm, op->size);
	if (other->type != X86_OP_REG || gpr_number(other->reg, &size, &high) != op->reg ||
	    high != op->high_byte)
		return false;
	/* MOVSXD into 32 bits: capstone names the 64-bit register. */
	if (size != op->extend_to && !(t->in.opcode_map == 0 && t->in.opcode == 0x63))
		return false;
	return op->write || op->sign_extend == (capstone_insn->id == X86_INS_MOVSX ||
						capstone_insn->id == X86_INS_MOVSXD);
}

/* Integer instructions whose memory operand, or else first register, has the operand size. */
static bool has_opsize(const struct insn *in)
{
	static const uint8_t map1[] = {0xa3, 0xab, 0xaf, 0xb0, 0xb1, 0xb3,
				       0xba, 0xbb, 0xbc, 0xbd, 0xc0, 0xc1};
	uint8_t op = in->opcode;

	if (in->opcode_map == 1)
		return (op & 0xf0) == 0x40 || (op & 0xf0) == 0x90 || (op & 0xf8) == 0xc8 ||
		       memchr(map1, op, sizeof(map1));
	if (in->opcode_map != 0)
		return false;
	if (op == 0xff) /* not CALL and JMP */
		return (in->reg & 7) < 2 || (in->reg & 7) == 6;
	return (op < 0x40 && (op & 7) < 6) || (op >= 0x50 && op <= 0x5f) || insn_is_string(in) ||
	       (op >= 0x80 && op <= 0x8b) || op == 0x8f || (op >= 0xa8 && op <= 0xbf) ||
	       (op & 0xfe) == 0xc0 || (op & 0xfe) == 0xc6 || (op & 0xfc) == 0xd0 ||
	       (op & 0xf4) == 0xe4 || (op & 0xfe) == 0xf6 || op == 0xfe;
}

static void check_sizes(const struct trial *t, const cs_x86 *x86)
{
	const cs_x86_op *found = NULL;
	bool port = is_port_io(t->in.opcode_map << 8 | t->in.opcode);

	if (!has_opsize(&t->in))
		return;
	for (uint8_t i = 0; i < x86->op_count; i++) {
		const cs_x86_op *o = &x86->operands[i];

		if (o->type == X86_OP_MEM ||
		    (o->type == X86_OP_REG && !found && !(port && o->reg == X86_REG_DX)))
			found = o;
	}
	if (!found)
		return;
	count.sizes++;
	if (found->size != t->in.opsize)
		report(t, "operand size");
}

/* The constant, as a value or as the target of a branch at address 0. */
static void check_constant(const struct trial *t, const cs_x86 *x86)
{
	const struct insn *in = &t->in;
	unsigned int opcode = in->opcode_map * 256u + in->opcode, size = in->opsize;
	bool branch = (opcode & 0xff0) == 0x180 || (opcode & 0xff0) == 0x070 ||
		      (opcode & 0xffc) == 0x0e0 || (opcode & 0xffc) == 0x0e8;
	uint64_t want = branch ? in->imm + in->length : in->imm;
	const cs_x86_op *constant = NULL;

	/* Vector instructions aside; shifts by an implied 1; two constants in ENTER and far ones.
	 */
	if ((opcode > 0xff && !branch && opcode != 0x1ba) || (opcode & 0xffc) == 0x0d0 ||
	    opcode == 0x0c8 || opcode == 0x09a || opcode == 0x0ea)
		return;
	if ((branch && in->mode == INSN_16) || opcode == 0x0c2 || opcode == 0x0ca)
		size = 2;
	for (uint8_t i = 0; i < x86->op_count; i++) {
		if (x86->operands[i].type == X86_OP_IMM)
			constant = &x86->operands[i];
	}
	if (!constant)
		return;
	count.constants++;
	if (low_bytes((uint64_t)constant->imm, size) != low_bytes(want, size))
		report(t, "constant");
}

/* Operands, where both took the same bytes for the instruction. */
static void check_operands(const struct trial *t)
{
	const cs_x86 *x86 = &capstone_insn->detail->x86;
	struct mmio_op op;

	check_sizes(t, x86);
	check_constant(t, x86);
	if (t->in.has_modrm && t->in.mod == 3)
		return;
	for (uint8_t i = 0; i < x86->op_count; i++) {
		if (!t->in.has_mem || x86->operands[i].type != X86_OP_MEM)
			continue;
		count.operands++;
		if (!same_memory(t, &x86->operands[i].mem))
			report(t, "memory operand");
	}
	if (!insn_mmio(&t->in, &op)) {
		count.moves++;
		if (!same_move(t, &op, x86))
			report(t, "move");
	}
}

static void check(struct trial *t)
{
	unsigned int prefixes, opcode;
	uint8_t modrm;

	ask(t);
	opcode = opcode_of(t, &prefixes, &modrm);
	if (!t->length) {
		if (t->opcodes_length && t->opcodes_length != NO_OPINION &&
		    !not_supported(opcode, modrm))
			report(t, "refused by the decoder only");
		return;
	}
	count.decoded++;
	if (!t->opcodes_length && !legality_unchecked(opcode))
		report(t, "accepted by the decoder only");
	if (t->opcodes_length && t->opcodes_length != NO_OPINION) {
		count.lengths++;
		if (t->length != t->opcodes_length)
			report(t, "length");
	}
	if (!t->capstone_length || capstone_is_wrong(t, opcode))
		return;
	if (t->length == t->capstone_length)
		check_operands(t);
	else
		report(t, "length in capstone");
}

static unsigned long rounds(void)
{
	const char *text = getenv("INSN_ROUNDS");

	return text ? strtoul(text, NULL, 0) : 1;
}

static void random_bytes(struct trial *t)
{
	for (size_t i = 0; i < sizeof(t->bytes); i++)
		t->bytes[i] = (uint8_t)(random64() >> 32);
}

static unsigned int random_prefixes(struct trial *t, unsigned int most)
{
	static const uint8_t prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x26, 0x2e,
					   0x36, 0x3e, 0x64, 0x65, 0x66, 0x67};
	unsigned int n = (unsigned int)(random64() >> 32) % (most + 1);

	for (unsigned int i = 0; i < n; i++)
		t->bytes[i] = prefixes[(random64() >> 32) % sizeof(prefixes)];
	if (t->mode == INSN_64 && (random64() >> 32 & 1))
		t->bytes[n++] = (uint8_t)(0x40 | (random64() >> 32 & 15));
	return n;
}

static void begin(void)
{
	memset(&count, 0, sizeof(count));
}

static void finish(void)
{
	fprintf(stderr, "# %lu byte strings, %lu decoded; compared: %lu lengths, ", count.trials,
		count.decoded, count.lengths);
	fprintf(stderr, "%lu memory operands, %lu sizes, %lu constants, %lu moves\n",
		count.operands, count.sizes, count.constants, count.moves);
	assert_int_equal(count.failures, 0);
}

/* Every opcode of the first two maps with every byte behind it, in every mode. */
static void test_every_opcode_and_modrm(void **state)
{
	struct trial t;

	begin();
	for (unsigned long i = 0; i < rounds() * 3 * 512 * 256; i++) {
		unsigned int n;

		t.mode = (enum insn_mode)(i % 3);
		random_bytes(&t);
		n = i / (3ul * 512 * 256) ? random_prefixes(&t, 3) : random_prefixes(&t, 1);
		if (i / 3 & 1)
			t.bytes[n++] = 0x0f;
		t.bytes[n++] = (uint8_t)(i / 6);
		t.bytes[n] = (uint8_t)(i / (6 * 256));
		check(&t);
	}
	finish();
	assert_true(count.lengths > 200000 * rounds());
	assert_true(count.operands > 100000 * rounds());
}

/* The moves of mmio.h, with all the addressing modes. */
static void test_moves(void **state)
{
	static const uint16_t opcodes[] = {0x088, 0x089, 0x08a, 0x08b, 0x0a0, 0x0a1, 0x0a2, 0x0a3,
					   0x0c6, 0x0c7, 0x063, 0x1b6, 0x1b7, 0x1be, 0x1bf};
	struct trial t;

	begin();
	for (unsigned long i = 0; i < rounds() * 150000; i++) {
		uint16_t opcode = opcodes[i / 3 % (sizeof(opcodes) / sizeof(opcodes[0]))];
		unsigned int n;

		t.mode = (enum insn_mode)(i % 3);
		random_bytes(&t);
		n = random_prefixes(&t, 2);
		if (opcode >> 8)
			t.bytes[n++] = 0x0f;
		t.bytes[n++] = (uint8_t)opcode;
		if ((opcode & 0xfe) == 0xc6)
			t.bytes[n] &= 0xc7;
		check(&t);
	}
	finish();
	assert_true(count.moves > 60000 * rounds());
}

/* Whatever comes: many prefixes, all maps, lengths around the limit. */
static void test_random(void **state)
{
	struct trial t;

	begin();
	for (unsigned long i = 0; i < rounds() * 200000; i++) {
		unsigned int n;

		t.mode = (enum insn_mode)(i % 3);
		random_bytes(&t);
		n = random_prefixes(&t, i & 8 ? 12 : 0);
		if (i & 16 && n < sizeof(t.bytes))
			t.bytes[n] = 0x0f;
		check(&t);
	}
	finish();
	assert_true(count.decoded > 100000 * rounds());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_opcode_and_modrm),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
