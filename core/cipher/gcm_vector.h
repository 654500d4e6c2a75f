/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM over one page, for vectors of any width.
 *
 * A path includes this file after it has defined, for its instruction set:
 *
 *   TARGET         the function attribute that enables the instructions
 *   INLINE         static inline, always, with TARGET
 *   vec, LANES     its vector type and how many 128-bit lanes that has
 *   v_load v_store v_lanes v_xor v_add32 v_bytes v_swap v_aesenc v_aesenclast v_clmul
 *                  one instruction each, per lane; v_lanes copies 16 bytes to every lane
 *   v_sum          the XOR of all lanes
 *   v_clear        zeroes every vector register
 *   PATH_RUN       the name of the function to make
 *
 * The arithmetic of GHASH (NIST SP 800-38D, section 6.3 "Multiplication Operation on Blocks"):
 * a block is a polynomial over GF(2) of degree < 128, multiplied modulo
 * g = x^128 + x^7 + x^2 + x + 1. The first bit of the first byte is the coefficient of x^0, so
 * after a reversal of its 16 bytes a block sits in a register with x^i in bit 127 - i: the mirror
 * image of what PCLMULQDQ expects. As Gueron and Kounavis observe ("Intel Carry-Less
 * Multiplication Instruction and its Usage for Computing the GCM Mode", the section on bit
 * reflection), the product of two mirrored numbers is the mirrored product, but one bit too low:
 * x^i in bit 254 - i of 256. Instead of shifting every product, the powers of H are stored
 * multiplied by x^-1 once and for all; then x^i of the wanted product is in bit 255 - i.
 *
 * One product takes four PCLMULQDQ, or three and two XORs (Karatsuba: the middle is the product of
 * low + high on both sides, less the low and the high product).
 * Products of many blocks are added before one reduction (the same paper, "aggregated
 * reduction"): Y' = (Y + X1) H^n + X2 H^(n-1) + ... + Xn H.
 *
 * Reduction. The upper 128 bits hold degrees 0..127. Let t be the lowest 64 bits, t x^192 as a
 * polynomial, and x^192 = x^64 (1 + x + x^2 + x^7) modulo g. The mirrored constant 0xc2 << 56 is
 * 1 + x + x^6; as the product is again one bit low, t times it means t (x + x^2 + x^7). So t
 * itself and this product, both 64 places up, replace t. The next 64 bits go the same way. With
 * the halves swapped in between, either step is one PCLMULQDQ, one swap and one XOR.
 */
#include <stddef.h>

#define VECS	    8u /* in flight at a time: enough to hide the latency of AESENC */
#define VEC_BYTES   ((size_t)LANES * BLOCK_BYTES)
#define GROUP_BYTES (VECS * VEC_BYTES)

_Static_assert(GROUP_BYTES / BLOCK_BYTES < GHASH_POWERS, "there is a power for every block");
_Static_assert(VECS < AES_ROUNDS, "there is a round for every vector");

/* Three multiplications pay where they are dear: on old CPUs and under emulation. */
#define KARATSUBA (LANES == 1)

/* State arrays must become registers: every loop over them is unrolled. */
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* Constants, one copy for each lane of the widest vector. */
#define CONSTANT static const __attribute__((aligned(64)))
#define REVERSED 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0
#define C2	 (0xc2ull << 56)

CONSTANT uint8_t byte_reversal[4][16] = {{REVERSED}, {REVERSED}, {REVERSED}, {REVERSED}};
CONSTANT uint64_t reduction[4][2] = {{C2}, {C2}, {C2}, {C2}};
/* Counter blocks, byte-reversed: the counter is the lowest word. The page starts at J0 + 1. */
CONSTANT uint32_t first_counter[4][4] = {{1}, {2}, {3}, {4}};
CONSTANT uint32_t counter_step[4][4] = {{LANES}, {LANES}, {LANES}, {LANES}};
/* The block behind the ciphertext: AAD and ciphertext in bits, 64 each; byte-reversed. */
CONSTANT uint64_t lengths[4][2] = {{PAGE_BYTES * 8ull}};

/* A sum of products, not yet reduced. */
struct sum {
	vec low, middle, high;
};

/*
 * Adds x * power. The power comes second: emulators loop over the bits of that operand, and
 * their host's branch prediction knows the powers after a few pages.
 */
INLINE void sum_add(struct sum *s, vec x, vec power, vec fold)
{
	s->low = v_xor(s->low, v_clmul(x, power, 0x00));
	s->high = v_xor(s->high, v_clmul(x, power, 0x11));
	if (KARATSUBA)
		s->middle = v_xor(s->middle, v_clmul(v_xor(x, v_swap(x)), fold, 0x00));
	else
		s->middle = v_xor3(s->middle, v_clmul(x, power, 0x01), v_clmul(x, power, 0x10));
	/* Left alone, the compiler postpones the additions until it runs out of registers. */
	__asm__("" : "+v"(s->low), "+v"(s->middle), "+v"(s->high));
}

/* Reduces modulo g and adds the lanes up, into the lowest; the others become zero. */
INLINE vec sum_reduce(const struct sum *s)
{
	const vec c2 = v_load(reduction);
	const vec middle = KARATSUBA ? v_xor3(s->middle, s->low, s->high) : s->middle;
	const vec upper = v_xor3(middle, v_swap(s->low), v_clmul(s->low, c2, 0x00));

	return v_sum(v_xor3(s->high, v_swap(upper), v_clmul(upper, c2, 0x00)));
}

/* Where the powers for a group's first block start: H^n, or H^(n+1) if the lengths follow. */
#define POWERS(last) (GHASH_POWERS - VECS * LANES - ((last) ? 1 : 0))

/* Adds vector i of a group's ciphertext, and before the first of them Y. */
INLINE void sum_add_data(struct sum *s, const struct vector_key *k, size_t powers,
			 const uint8_t *data, size_t i, vec y)
{
	vec x = v_bytes(v_load(data + i * VEC_BYTES), v_load(byte_reversal));

	if (i == 0)
		x = v_xor(x, y);
	sum_add(s, x, v_load(k->power[powers + i * LANES]), v_load(k->fold[powers + i * LANES]));
}

/*
 * CTR over the group at p and, in the gaps of AESENC, GHASH over the ciphertext at data if wanted;
 * fetches the next group into the cache. Returns the new Y.
 */
INLINE vec group_run(const struct vector_key *k, uint8_t *p, vec *counter, bool hash,
		     const uint8_t *data, size_t powers, vec y)
{
	struct sum s = {v_zero(), v_zero(), v_zero()};
	vec state[VECS], key = v_lanes(k->round[0]);

	UNROLL
	for (size_t i = 0; i < VECS; i++) {
		state[i] = v_xor(v_bytes(*counter, v_load(byte_reversal)), key);
		*counter = v_add32(*counter, v_load(counter_step));
	}
	UNROLL
	for (size_t r = 1; r < AES_ROUNDS; r++) {
		/* Keeps the loads of keys and powers where they are used, not on the stack. */
		__asm__ volatile("" ::: "memory");
		key = v_lanes(k->round[r]);
		UNROLL
		for (size_t i = 0; i < VECS; i++)
			state[i] = v_aesenc(state[i], key);
		if (r <= VECS)
			__builtin_prefetch(p + GROUP_BYTES + (r - 1) * VEC_BYTES);
		if (hash && r <= VECS)
			sum_add_data(&s, k, powers, data, r - 1, y);
	}
	key = v_lanes(k->round[AES_ROUNDS]);
	UNROLL
	for (size_t i = 0; i < VECS; i++)
		v_store(p + i * VEC_BYTES,
			v_aesenclast(state[i], v_xor(key, v_load(p + i * VEC_BYTES))));
	return hash ? sum_reduce(&s) : y;
}

/* Makes no power of H that this width does not use: a key lives for a few pages only. */
static void path_setup(struct page_key *k, const uint8_t key[PAGE_CIPHER_KEY_SIZE])
{
	vector_setup(k, key, VECS * LANES + 1);
}

TARGET static void PATH_RUN(const struct page_key *page_key, const uint8_t j0[BLOCK_BYTES],
			    uint8_t *page, uint8_t tag[BLOCK_BYTES], bool seal)
{
	const struct vector_key *k = (const struct vector_key *)page_key;
	uint8_t *const end = page + PAGE_BYTES;
	vec y = v_zero(), mask = v_lanes(j0);
	vec counter = v_add32(v_bytes(mask, v_load(byte_reversal)), v_load(first_counter));
	struct sum s = {v_zero(), v_zero(), v_zero()}, tail = s;

	/* Sealing hashes what the previous group became, opening what this group still is. */
	if (seal) {
		group_run(k, page, &counter, false, NULL, 0, y);
		for (uint8_t *p = page + GROUP_BYTES; p < end; p += GROUP_BYTES)
			y = group_run(k, p, &counter, true, p - GROUP_BYTES, POWERS(false), y);
		UNROLL
		for (size_t i = 0; i < VECS; i++)
			sum_add_data(&tail, k, POWERS(true), end - GROUP_BYTES, i, y);
		y = sum_reduce(&tail);
	} else {
		for (uint8_t *p = page; p < end - GROUP_BYTES; p += GROUP_BYTES)
			y = group_run(k, p, &counter, true, p, POWERS(false), y);
		y = group_run(k, end - GROUP_BYTES, &counter, true, end - GROUP_BYTES, POWERS(true),
			      y);
	}
	sum_add(&s, v_load(lengths), v_lanes(k->power[GHASH_POWERS - 1]),
		v_lanes(k->fold[GHASH_POWERS - 1]));
	y = v_bytes(v_xor(y, sum_reduce(&s)), v_load(byte_reversal));

	/* The tag is Y ^ E(K, J0) (SP 800-38D, section 7.1, steps 5 and 6). */
	mask = v_xor(mask, v_lanes(k->round[0]));
	UNROLL
	for (size_t r = 1; r < AES_ROUNDS; r++)
		mask = v_aesenc(mask, v_lanes(k->round[r]));
	mask = v_aesenclast(mask, v_lanes(k->round[AES_ROUNDS]));
	v_store_block(tag, v_xor(y, mask));
	v_clear();
}
