// SPDX-License-Identifier: Apache-2.0
/* The instruction decoder and what stands on it: cases written by hand, and assembled ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <cloister/call.h>
#include "insn/assist.h"
#include "insn/insn.h"
#include "insn/mmio.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };
#define NONE INSN_NO_REG

struct gas_case {
	const char *text;
	const uint8_t *bytes;
	uint32_t length;
	uint32_t mode;
};
extern const struct gas_case insn_gas[], insn_gas_end[];

/* Bytes from hex text, in a block of exactly their size, so that ASan sees any overrun. */
static uint8_t *from_hex(const char *hex, size_t *n)
{
	uint8_t *bytes = malloc(strlen(hex) / 2 + 1);
	char *end;

	assert_non_null(bytes);
	for (*n = 0; *hex; hex = end)
		bytes[(*n)++] = (uint8_t)strtoul(hex, &end, 16);
	bytes = realloc(bytes, *n);
	assert_non_null(bytes);
	return bytes;
}

static int try_decode(struct insn *in, const char *hex, enum insn_mode mode)
{
	size_t n;
	uint8_t *bytes = from_hex(hex, &n);
	int err = insn_decode(in, bytes, n, mode);

	free(bytes);
	return err;
}

/* Decode what must decode, all of it, and be known to be incomplete at every shorter size. */
static struct insn decode(const char *hex, enum insn_mode mode)
{
	struct insn in, shorter;
	size_t n;
	uint8_t *bytes = from_hex(hex, &n);

	if (insn_decode(&in, bytes, n, mode) || in.length != n)
		fail_msg("%s: not decoded as one instruction", hex);
	while (n-- > 0) {
		uint8_t *part = malloc(n ? n : 1);

		assert_non_null(part);
		memcpy(part, bytes, n);
		assert_int_equal(insn_decode(&shorter, part, n, mode), -CL_E2BIG);
		free(part);
	}
	free(bytes);
	return in;
}

static void refuse(const char *hex, enum insn_mode mode)
{
	struct insn in, before;

	memset(&in, 0xa5, sizeof(in));
	before = in;
	if (try_decode(&in, hex, mode) != -CL_EINVAL)
		fail_msg("%s: not refused", hex);
	assert_memory_equal(&in, &before, sizeof(in));
}

static void memory_is(const char *hex, enum insn_mode mode, uint8_t base, uint8_t index,
		      uint8_t scale, int64_t disp)
{
	struct insn in = decode(hex, mode);

	if (!in.has_mem || in.base != base || in.index != index || in.scale != scale ||
	    in.disp != disp)
		fail_msg("%s: memory operand is %u + %u * %u + %lld", hex, in.base, in.index,
			 in.scale, (long long)in.disp);
}

static void test_assembled(void **state)
{
	size_t count = 0;

	for (const struct gas_case *c = insn_gas; c < insn_gas_end; c++, count++) {
		uint8_t bytes[INSN_MAX_LENGTH];
		struct insn in;

		assert_in_range(c->length, 1, INSN_MAX_LENGTH);
		for (size_t n = 0; n < c->length; n++) {
			if (insn_decode(&in, c->bytes, n, (enum insn_mode)c->mode) != -CL_E2BIG)
				fail_msg("%s: complete after %zu bytes", c->text, n);
		}
		memset(bytes, 0xcc, sizeof(bytes));
		memcpy(bytes, c->bytes, c->length);
		for (size_t n = c->length; n <= sizeof(bytes); n++) {
			if (insn_decode(&in, bytes, n, (enum insn_mode)c->mode))
				fail_msg("%s (mode %u): not decoded", c->text, c->mode);
			if (in.length != c->length)
				fail_msg("%s (mode %u): length %u, not %u", c->text, c->mode,
					 in.length, c->length);
		}
	}
	assert_true(count > 500);
}

static void test_prefixes(void **state)
{
	struct insn in = decode("f3 90", INSN_64);

	assert_int_equal(in.prefixes, INSN_P_REP);
	assert_int_equal(in.opcode, 0x90);
	/* The last repeat prefix counts. */
	assert_int_equal(decode("f3 f2 a4", INSN_64).prefixes, INSN_P_REPNE);
	assert_int_equal(decode("f2 f3 a4", INSN_64).prefixes, INSN_P_REP);
	in = decode("f0 66 67 0f b1 08", INSN_64);
	assert_int_equal(in.prefixes, INSN_P_LOCK | INSN_P_OPSIZE | INSN_P_ADDRSIZE);
	assert_int_equal(in.opsize, 2);
	assert_int_equal(in.addrsize, 4);
	/* REX counts only right before the opcode. */
	assert_int_equal(decode("48 66 89 08", INSN_64).rex, 0);
	assert_int_equal(decode("48 66 89 08", INSN_64).opsize, 2);
	assert_int_equal(decode("66 48 89 08", INSN_64).opsize, 8);
	assert_int_equal(decode("48 41 89 08", INSN_64).rex, 0x41);
	/* In other modes 48 is DEC. */
	assert_int_equal(decode("48", INSN_32).opcode, 0x48);
}

static void test_segments(void **state)
{
	assert_int_equal(decode("8b 00", INSN_32).segment, INSN_DS);
	assert_int_equal(decode("8b 45 00", INSN_32).segment, INSN_SS);
	assert_int_equal(decode("8b 04 24", INSN_32).segment, INSN_SS);
	assert_int_equal(decode("8b 46 00", INSN_16).segment, INSN_SS);
	assert_int_equal(decode("8b 06 00 00", INSN_16).segment, INSN_DS);
	assert_int_equal(decode("3e 8b 45 00", INSN_32).segment, INSN_DS);
	assert_int_equal(decode("26 8b 00", INSN_32).segment, INSN_ES);
	assert_int_equal(decode("2e 8b 00", INSN_32).segment, INSN_CS);
	assert_int_equal(decode("36 8b 00", INSN_32).segment, INSN_SS);
	assert_int_equal(decode("64 8b 00", INSN_32).segment, INSN_FS);
	assert_int_equal(decode("64 26 8b 00", INSN_32).segment, INSN_ES);
	assert_int_equal(decode("65 8b 00", INSN_64).segment, INSN_GS);
	assert_int_equal(decode("65 26 8b 00", INSN_64).segment, INSN_GS);
	assert_int_equal(decode("2e 8b 00", INSN_64).prefixes, 0);
	/* No segment has its default from a base that is R12 or R13. */
	assert_int_equal(decode("41 8b 04 24", INSN_64).segment, INSN_DS);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *hex;
		uint8_t opsize[3];
	} cases[] = {
		{"89 c0", {2, 4, 4}},	 {"66 89 c0", {4, 2, 2}}, {"88 c0", {1, 1, 1}},
		{"ff 30", {2, 4, 8}},	 {"66 ff 30", {4, 2, 2}}, {"ff 00", {2, 4, 4}},
		{"0f 20 c0", {4, 4, 8}}, {"66 9c", {4, 2, 2}},	  {"9c", {2, 4, 8}},
		{"ed", {2, 4, 4}},	 {"cf", {2, 4, 4}},	  {"50", {2, 4, 8}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int mode = INSN_16; mode <= INSN_64; mode++)
			assert_int_equal(decode(cases[i].hex, (enum insn_mode)mode).opsize,
					 cases[i].opsize[mode]);
	}
	for (unsigned int op = 0; op < 4; op++) { /* IN, OUT: AL, then eAX */
		static const char *const ports[] = {"e4 00", "e5 00", "e6 00", "e7 00"};

		assert_int_equal(decode(ports[op], INSN_32).opsize, op & 1 ? 4 : 1);
	}
	assert_int_equal(decode("68 00 00 00 00", INSN_64).opsize, 8);
	assert_int_equal(decode("6a 00", INSN_64).opsize, 8);
	assert_int_equal(decode("ec", INSN_64).opsize, 1);
	assert_int_equal(decode("ee", INSN_64).opsize, 1);
	assert_int_equal(decode("ef", INSN_64).opsize, 4);
	assert_int_equal(decode("66 ef", INSN_64).opsize, 2);
	assert_int_equal(decode("6c", INSN_64).opsize, 1);
	assert_int_equal(decode("48 6f", INSN_64).opsize, 4);
	assert_int_equal(decode("48 ff 00", INSN_64).opsize, 8);
	assert_int_equal(decode("48 ed", INSN_64).opsize, 4);
	assert_int_equal(decode("48 cf", INSN_64).opsize, 8);
	assert_int_equal(decode("8b 00", INSN_16).addrsize, 2);
	assert_int_equal(decode("67 8b 00", INSN_16).addrsize, 4);
	assert_int_equal(decode("67 8b 00", INSN_32).addrsize, 2);
}

static void test_memory_operands(void **state)
{
	memory_is("8b 00", INSN_16, RBX, RSI, 1, 0);
	memory_is("8b 01", INSN_16, RBX, RDI, 1, 0);
	memory_is("8b 42 80", INSN_16, RBP, RSI, 1, -128);
	memory_is("8b 83 00 80", INSN_16, RBP, RDI, 1, -32768);
	memory_is("8b 04", INSN_16, RSI, NONE, 1, 0);
	memory_is("8b 05", INSN_16, RDI, NONE, 1, 0);
	memory_is("8b 06 34 12", INSN_16, NONE, NONE, 1, 0x1234);
	memory_is("8b 46 01", INSN_16, RBP, NONE, 1, 1);
	memory_is("8b 07", INSN_16, RBX, NONE, 1, 0);
	memory_is("8b 05 78 56 34 12", INSN_32, NONE, NONE, 1, 0x12345678);
	memory_is("8b 45 7f", INSN_32, RBP, NONE, 1, 127);
	memory_is("8b 04 24", INSN_32, RSP, NONE, 1, 0);
	memory_is("8b 04 e4", INSN_32, RSP, NONE, 8, 0);
	memory_is("8b 04 8b", INSN_32, RBX, RCX, 4, 0);
	memory_is("8b 04 cd 00 00 00 80", INSN_32, NONE, RCX, 8, -0x80000000ll);
	memory_is("8b 04 25 f0 ff ff ff", INSN_64, NONE, NONE, 1, -16);
	memory_is("8b 44 15 10", INSN_32, RBP, RDX, 1, 16);
	memory_is("67 8b 00", INSN_64, RAX, NONE, 1, 0);
	memory_is("43 8b 04 a7", INSN_64, R15, R12, 4, 0);
	memory_is("41 8b 04 24", INSN_64, R12, NONE, 1, 0);
	memory_is("41 8b 45 00", INSN_64, R13, NONE, 1, 0);
	memory_is("43 8b 44 25 00", INSN_64, R13, R12, 1, 0);
	memory_is("41 8b 04 c5 01 00 00 00", INSN_64, NONE, RAX, 8, 1);

	struct insn in = decode("41 8b 05 fc ff ff ff", INSN_64);

	assert_true(in.has_mem && in.rip_relative && in.base == NONE && in.disp == -4);
	assert_false(decode("8b 05 00 00 00 00", INSN_32).rip_relative);
	assert_false(decode("89 c8", INSN_64).has_mem);
	/* MOV CR and MOV DR ignore mod; everything is a register. */
	in = decode("41 0f 22 04", INSN_64);
	assert_true(!in.has_mem && in.mod == 3 && in.rm == R12 && in.reg == 0);
	in = decode("44 0f 20 85", INSN_64);
	assert_true(!in.has_mem && in.rm == RBP && in.reg == 8);
}

static void test_immediates(void **state)
{
	assert_int_equal(decode("83 00 ff", INSN_64).imm, ~0ull);
	assert_int_equal(decode("48 c7 00 fe ff ff ff", INSN_64).imm, ~1ull);
	assert_int_equal(decode("66 c7 00 34 12", INSN_64).imm, 0x1234);
	assert_int_equal(decode("48 b8 88 77 66 55 44 33 22 11", INSN_64).imm,
			 0x1122334455667788ull);
	assert_int_equal(decode("cd ff", INSN_64).imm, 0xff);
	assert_int_equal(decode("e4 ff", INSN_64).imm, 0xff);
	assert_int_equal(decode("f6 00 80", INSN_64).imm, (uint64_t)-128);
	assert_int_equal(decode("f7 00 01 02 03 04", INSN_64).imm, 0x04030201);
	assert_int_equal(decode("f7 10", INSN_64).length, 2);
	assert_int_equal(decode("c8 34 12 02", INSN_64).imm, 0x200001234ull);
	assert_int_equal(decode("ea 78 56 34 92 28 00", INSN_32).imm, 0x2892345678ull);
	assert_int_equal(decode("ea 34 92 28 00", INSN_16).imm, 0x2800009234ull);
	assert_int_equal(decode("a1 88 77 66 55 44 33 22 f1", INSN_64).disp,
			 (int64_t)0xf122334455667788ull);
	assert_int_equal(decode("67 a1 88 77 66 f5", INSN_64).disp, 0xf5667788ull);
	assert_int_equal(decode("a0 34 f2", INSN_16).disp, 0xf234);
	/* A near branch with 66 has 16-bit displacement on AMD, even in 64-bit mode. */
	assert_int_equal(decode("66 e8 fe ff", INSN_64).imm, (uint64_t)-2);
	assert_int_equal(decode("e8 fe ff ff ff", INSN_64).imm, (uint64_t)-2);
	assert_int_equal(decode("0f 84 fe ff ff ff", INSN_64).imm, (uint64_t)-2);
	assert_int_equal(decode("0f 84 fe ff", INSN_16).imm, (uint64_t)-2);
	assert_int_equal(decode("eb fe", INSN_64).imm, (uint64_t)-2);
}

static void test_refused(void **state)
{
	static const char *const everywhere[] = {
		"d6",	       "8f c8 00",    "8c f0",
		"8e 08",       "c6 08 00",    "c7 f8 00 00 00 00",
		"fe 10",       "ff 38",	      "ff d8",
		"ff e8",       "0f 04",	      "0f 0a",
		"0f 0c",       "0f 24 c0",    "0f 26 c0",
		"0f 36",       "0f 39",	      "0f 78 c0",
		"0f 79 c0",    "0f b9 c0",    "0f ff c0",
		"0f 00 30",    "0f 01 28",    "0f 01 c1",
		"0f 01 c2",    "0f 01 cc",    "0f 01 d4",
		"0f 01 ce",    "0f 01 d5",    "0f 01 d6",
		"0f ba 18 00", "0f c7 00",    "8d c0",
		"0f b2 c0",    "62 f1 7c 48", "c5 f8 77",
		"c4 e2 79 18", "8f e8 78 c2",
	};
	static const char *const not_in_64[] = {
		"06",
		"07",
		"0e",
		"16",
		"17",
		"1e",
		"1f",
		"27",
		"2f",
		"37",
		"3f",
		"60",
		"61",
		"62 00",
		"ce",
		"82 00",
		"d4 0a",
		"c4 00",
		"c5 00",
		"9a 00 00 00 00 00",
		"ea 00 00 00 00 00",
		"d5",
	};

	for (size_t i = 0; i < sizeof(everywhere) / sizeof(everywhere[0]); i++) {
		for (int mode = INSN_16; mode <= INSN_64; mode++)
			refuse(everywhere[i], (enum insn_mode)mode);
	}
	for (size_t i = 0; i < sizeof(not_in_64) / sizeof(not_in_64[0]); i++)
		refuse(not_in_64[i], INSN_64);
	refuse("90", (enum insn_mode)3);
}

static void test_length_limit(void **state)
{
	struct insn in;
	uint8_t prefixes[64];

	/* 15 bytes are an instruction, 16 are not, however many there are to read. */
	assert_int_equal(decode("66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", INSN_64).length,
			 15);
	refuse("66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", INSN_64);
	refuse("66 66 66 66 66 66 66 66 66 66 66 66 66 66 0f a2", INSN_64);
	refuse("2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 81 00 01 02 03 04", INSN_64);
	memset(prefixes, 0x66, sizeof(prefixes));
	assert_int_equal(insn_decode(&in, prefixes, sizeof(prefixes), INSN_64), -CL_EINVAL);
	assert_int_equal(insn_decode(&in, prefixes, 15, INSN_64), -CL_EINVAL);
	assert_int_equal(insn_decode(&in, prefixes, 14, INSN_64), -CL_E2BIG);
	assert_int_equal(insn_decode(&in, NULL, 0, INSN_64), -CL_E2BIG);
}

static void test_strings(void **state)
{
	static const char *const strings[] = {"6c", "f3 6f", "a4", "f3 a5",
					      "aa", "f3 ab", "ac", "a6"};

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		struct insn in = decode(strings[i], INSN_64);
		struct mmio_op op;

		assert_true(insn_is_string(&in));
		assert_int_equal(insn_mmio(&in, &op), -CL_EINVAL);
	}
	struct insn in = decode("0f a4 c0 01", INSN_64);

	assert_false(insn_is_string(&in));
	in = decode("a8 01", INSN_64);
	assert_false(insn_is_string(&in));
}

static void test_effective(void **state)
{
	uint64_t gpr[16];
	struct insn in;

	for (unsigned int i = 0; i < 16; i++)
		gpr[i] = 0x1000100010001000ull * (i + 1) + i;
	in = decode("43 8b 44 a7 f0", INSN_64); /* -0x10(%r15,%r12,4) */
	assert_int_equal(insn_effective(&in, gpr, 0, 0), gpr[15] + 4 * gpr[12] - 16);
	assert_int_equal(insn_effective(&in, gpr, 0, 0x7000), gpr[15] + 4 * gpr[12] - 16 + 0x7000);
	in = decode("67 43 8b 44 a7 f0", INSN_64); /* the same, 32-bit; the base is not cut */
	assert_int_equal(insn_effective(&in, gpr, 0, 1ull << 40),
			 (1ull << 40) + (uint32_t)(gpr[15] + 4 * gpr[12] - 16));
	in = decode("8b 05 fc ff ff ff", INSN_64);
	assert_int_equal(insn_effective(&in, gpr, 0xffffffff81000006ull, 0), 0xffffffff81000002ull);
	in = decode("67 8b 05 fc ff ff ff", INSN_64);
	assert_int_equal(insn_effective(&in, gpr, 0xffffffff81000006ull, 0), 0x81000002ull);
	in = decode("a1 f0 de bc 9a 78 56 34 12", INSN_64);
	assert_int_equal(insn_effective(&in, gpr, 7, 1), 0x123456789abcdef1ull);
	gpr[RBX] = 0xabcdfff0;
	gpr[RSI] = 0x00000020;
	in = decode("8b 00", INSN_16); /* (%bx,%si) wraps at 64 KiB */
	assert_int_equal(insn_effective(&in, gpr, 0, 0xf0000), 0xf0010);
	in = decode("8b 03", INSN_32); /* a linear address has 32 bits */
	assert_int_equal(insn_effective(&in, gpr, 0, 0xf0000000), 0x9bcdfff0);
}

struct mmio_case {
	const char *hex;
	struct mmio_op op;
};

static void test_mmio_decode(void **state)
{
	static const struct mmio_case cases[] = {
		{"88 23", {.write = true, .size = 1, .reg = RSP, .extend_to = 1}},
		{"89 0b", {.write = true, .size = 4, .reg = RCX, .extend_to = 4}},
		{"66 89 0b", {.write = true, .size = 2, .reg = RCX, .extend_to = 2}},
		{"4c 89 0b", {.write = true, .size = 8, .reg = R9, .extend_to = 8}},
		{"40 88 23", {.write = true, .size = 1, .reg = RSP, .extend_to = 1}},
		{"44 88 23", {.write = true, .size = 1, .reg = R12, .extend_to = 1}},
		{"8a 3b", {.size = 1, .reg = RBX, .high_byte = true, .extend_to = 1}},
		{"8b 80 00 01 00 00", {.size = 4, .reg = RAX, .extend_to = 4}},
		{"48 8b 3b", {.size = 8, .reg = RDI, .extend_to = 8}},
		{"a0 00 00 00 00 00 00 00 00", {.size = 1, .extend_to = 1}},
		{"48 a1 00 00 00 00 00 00 00 00", {.size = 8, .extend_to = 8}},
		{"a2 00 00 00 00 00 00 00 00", {.write = true, .size = 1, .extend_to = 1}},
		{"66 a3 00 00 00 00 00 00 00 00", {.write = true, .size = 2, .extend_to = 2}},
		{"c6 00 80",
		 {.write = true,
		  .size = 1,
		  .from_imm = true,
		  .imm = (uint64_t)-128,
		  .extend_to = 1}},
		{"48 c7 00 ff ff ff ff",
		 {.write = true, .size = 8, .from_imm = true, .imm = ~0ull, .extend_to = 8}},
		{"44 c7 00 78 56 34 12",
		 {.write = true, .size = 4, .from_imm = true, .imm = 0x12345678, .extend_to = 4}},
		{"0f b6 23", {.size = 1, .reg = RSP, .extend_to = 4}},
		{"66 0f b6 23", {.size = 1, .reg = RSP, .extend_to = 2}},
		{"4c 0f b7 33", {.size = 2, .reg = R14, .extend_to = 8}},
		{"0f be 33", {.size = 1, .reg = RSI, .extend_to = 4, .sign_extend = true}},
		{"48 0f bf 33", {.size = 2, .reg = RSI, .extend_to = 8, .sign_extend = true}},
		{"4c 63 33", {.size = 4, .reg = R14, .extend_to = 8, .sign_extend = true}},
		{"63 33", {.size = 4, .reg = RSI, .extend_to = 4, .sign_extend = true}},
	};
	static const char *const others[] = {
		"89 c0", "0f b6 c0", "c7 c0 00 00 00 00", "01 03",    "09 03",	     "87 03",
		"f3 a5", "8c 03",    "f0 89 03",	  "66 63 33", "80 0b 01",    "f6 03 01",
		"0f a2", "0f b0 03", "0f 38 f0 03",	  "ff 03",    "0f ba 2b 00", "48 63 c0",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mmio_op op, want = cases[i].op;
		struct insn in = decode(cases[i].hex, INSN_64);

		if (i == 0) { /* AH has the number of RSP */
			want.high_byte = true;
			want.reg = RAX;
		}
		assert_int_equal(insn_mmio(&in, &op), 0);
		if (op.write != want.write || op.size != want.size || op.reg != want.reg ||
		    op.high_byte != want.high_byte || op.from_imm != want.from_imm ||
		    op.imm != want.imm || op.extend_to != want.extend_to ||
		    op.sign_extend != want.sign_extend)
			fail_msg("%s: wrong operation", cases[i].hex);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct mmio_op op;
		struct insn in = decode(others[i], INSN_64);

		if (insn_mmio(&in, &op) != -CL_EINVAL)
			fail_msg("%s: taken for a move", others[i]);
	}
	struct mmio_op op;
	struct insn in = decode("63 33", INSN_32); /* ARPL */

	assert_int_equal(insn_mmio(&in, &op), -CL_EINVAL);
}

#define OLD 0x8877665544332211ull

static uint64_t load(const char *hex, uint64_t value)
{
	uint64_t gpr[16], other = 0x5555;
	struct insn in = decode(hex, INSN_64);
	struct mmio_op op;

	for (unsigned int i = 0; i < 16; i++)
		gpr[i] = other;
	assert_int_equal(insn_mmio(&in, &op), 0);
	assert_false(op.write);
	gpr[op.reg] = OLD;
	mmio_load_result(&op, gpr, value);
	for (unsigned int i = 0; i < 16; i++)
		assert_true(i == op.reg || gpr[i] == other);
	return gpr[op.reg];
}

static void test_mmio_load(void **state)
{
	uint64_t v = 0xf8f7f6f5f4f3f2f1ull;

	assert_int_equal(load("48 8b 03", v), v);
	assert_int_equal(load("8b 03", v), 0xf4f3f2f1);
	assert_int_equal(load("66 8b 03", v), 0x887766554433f2f1ull);
	assert_int_equal(load("8a 03", v), 0x88776655443322f1ull);
	assert_int_equal(load("8a 3b", v), 0x887766554433f111ull); /* BH */
	assert_int_equal(load("44 8a 3b", v), 0x88776655443322f1ull);
	assert_int_equal(load("0f b6 03", v), 0xf1);
	assert_int_equal(load("66 0f b6 03", v), 0x88776655443300f1ull);
	assert_int_equal(load("48 0f b6 03", v), 0xf1);
	assert_int_equal(load("0f b7 03", v), 0xf2f1);
	assert_int_equal(load("0f be 03", v), 0xfffffff1);
	assert_int_equal(load("66 0f be 03", v), 0x887766554433fff1ull);
	assert_int_equal(load("48 0f be 03", v), 0xfffffffffffffff1ull);
	assert_int_equal(load("48 0f be 03", 0x71), 0x71);
	assert_int_equal(load("0f bf 03", v), 0xfffff2f1);
	assert_int_equal(load("48 0f bf 03", v), 0xfffffffffffff2f1ull);
	assert_int_equal(load("48 63 03", v), 0xfffffffff4f3f2f1ull);
	assert_int_equal(load("63 03", v), 0xf4f3f2f1);
	assert_int_equal(load("a0 00 00 00 00 00 00 00 00", v), 0x88776655443322f1ull);
}

static uint64_t store(const char *hex)
{
	uint64_t gpr[16];
	struct insn in = decode(hex, INSN_64);
	struct mmio_op op;

	for (unsigned int i = 0; i < 16; i++)
		gpr[i] = 0x0807060504030200ull + 0x1010101010101010ull * i;
	assert_int_equal(insn_mmio(&in, &op), 0);
	assert_true(op.write);
	return mmio_store_value(&op, gpr);
}

static void test_mmio_store(void **state)
{
	assert_int_equal(store("48 89 0b"), 0x1817161514131210ull);
	assert_int_equal(store("89 0b"), 0x14131210);
	assert_int_equal(store("66 89 0b"), 0x1210);
	assert_int_equal(store("88 0b"), 0x10);
	assert_int_equal(store("88 2b"), 0x12); /* CH */
	assert_int_equal(store("40 88 2b"), 0x50);
	assert_int_equal(store("44 88 2b"), 0xd0);
	assert_int_equal(store("c6 00 80"), 0x80);
	assert_int_equal(store("66 c7 00 ff ff"), 0xffff);
	assert_int_equal(store("c7 00 ff ff ff ff"), 0xffffffff);
	assert_int_equal(store("48 c7 00 fe ff ff ff"), 0xfffffffffffffffeull);
	assert_int_equal(store("a3 00 00 00 00 00 00 00 00"), 0x04030200);
}

static uint64_t exitinfo1(const char *hex, enum insn_mode mode)
{
	uint64_t gpr[16] = {0}, value = 0;
	struct insn in = decode(hex, mode);

	gpr[RAX] = 0x123456789abcdef0ull;
	gpr[RBX] = 0xffff800000000010ull;
	if (insn_exitinfo1(&in, gpr, 0x401000, 0x100000, &value))
		fail_msg("%s: no decode assist", hex);
	return value;
}

static void test_assists(void **state)
{
	const uint64_t mov = 1ull << 63;
	uint64_t gpr[16] = {0}, value = 42;

	assert_int_equal(exitinfo1("0f 22 d8", INSN_64), mov | RAX);
	assert_int_equal(exitinfo1("41 0f 20 df", INSN_64), mov | R15);
	assert_int_equal(exitinfo1("44 0f 22 c1", INSN_64), mov | RCX);
	assert_int_equal(exitinfo1("0f 22 44", INSN_32), mov | RSP);
	assert_int_equal(exitinfo1("0f 23 fb", INSN_64), RBX);
	assert_int_equal(exitinfo1("41 0f 21 f0", INSN_64), R8);
	assert_int_equal(exitinfo1("0f 06", INSN_64), 0);
	assert_int_equal(exitinfo1("0f 01 f3", INSN_64), 0);
	assert_int_equal(exitinfo1("0f 01 33", INSN_64), 0);
	assert_int_equal(exitinfo1("0f 01 e3", INSN_64), 0);
	assert_int_equal(exitinfo1("cd 80", INSN_64), 0x80);
	assert_int_equal(exitinfo1("0f 01 7b 08", INSN_64), 0xffff800000100018ull);
	assert_int_equal(exitinfo1("0f 01 3d 00 10 00 00", INSN_64), 0x502000);
	assert_int_equal(exitinfo1("0f 01 df", INSN_64), 0x123456789abcdef0ull);
	assert_int_equal(exitinfo1("67 0f 01 df", INSN_64), 0x9abcdef0);
	assert_int_equal(exitinfo1("0f 01 df", INSN_16), 0xdef0);

	static const char *const others[] = {"0f a2",	 "0f 01 d9", "0f 01 f8",   "0f 01 10",
					     "0f 01 f9", "cc",	     "0f 38 20 c0"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct insn in = decode(others[i], INSN_64);

		assert_int_equal(insn_exitinfo1(&in, gpr, 0, 0, &value), -CL_EINVAL);
		assert_int_equal(value, 42);
	}

	struct insn in = decode("0f a2", INSN_64);

	assert_int_equal(insn_next_rip(&in, 0xffffffffffffffffull), 1);
	assert_int_equal(insn_next_rip(&in, 0xfffffffe), 0x100000000ull);
	in = decode("0f a2", INSN_32);
	assert_int_equal(insn_next_rip(&in, 0xfffffffe), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_assembled),	cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_segments),	cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_memory_operands), cmocka_unit_test(test_immediates),
		cmocka_unit_test(test_refused),		cmocka_unit_test(test_length_limit),
		cmocka_unit_test(test_strings),		cmocka_unit_test(test_effective),
		cmocka_unit_test(test_mmio_decode),	cmocka_unit_test(test_mmio_load),
		cmocka_unit_test(test_mmio_store),	cmocka_unit_test(test_assists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
