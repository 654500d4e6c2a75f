// SPDX-License-Identifier: Apache-2.0
/* The page cipher with AES-NI and PCLMULQDQ, and the key set-up of all vector paths. */
#include "cipher/page_cipher_internal.h"
#include "cipher/intrinsics.h"

#define TARGET __attribute__((target("aes,pclmul,ssse3")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#define LANES  1

typedef __m128i vec;

#define v_zero()	      _mm_setzero_si128()
#define v_load(p)	      _mm_loadu_si128((const __m128i *)(p))
#define v_store(p, x)	      _mm_storeu_si128((__m128i *)(p), x)
#define v_store_block(p, x)   v_store(p, x)
#define v_lanes(p)	      v_load(p)
#define v_xor(x, y)	      _mm_xor_si128(x, y)
#define v_xor3(x, y, z)	      v_xor(v_xor(x, y), z)
#define v_add32(x, y)	      _mm_add_epi32(x, y)
#define v_bytes(x, order)     _mm_shuffle_epi8(x, order)
#define v_swap(x)	      _mm_shuffle_epi32(x, _MM_SHUFFLE(1, 0, 3, 2))
#define v_aesenc(x, key)      _mm_aesenc_si128(x, key)
#define v_aesenclast(x, key)  _mm_aesenclast_si128(x, key)
#define v_clmul(x, y, halves) _mm_clmulepi64_si128(x, y, halves)
#define v_sum(x)	      (x)

#define ZERO(n)		      "pxor %%xmm" #n ", %%xmm" #n "\n\t"
/* clang-format off */
#define ZERO_0_15 \
	ZERO(0) ZERO(1) ZERO(2) ZERO(3) ZERO(4) ZERO(5) ZERO(6) ZERO(7) \
	ZERO(8) ZERO(9) ZERO(10) ZERO(11) ZERO(12) ZERO(13) ZERO(14) ZERO(15)
/* clang-format on */

INLINE void v_clear(void)
{
	__asm__ volatile(ZERO_0_15 ::: CLEARED_0_15);
}

#define PATH_RUN run_aesni
#include "cipher/gcm_vector.h"

INLINE vec encrypt_block(const struct vector_key *k, vec x)
{
	x = v_xor(x, v_load(k->round[0]));
	for (size_t r = 1; r < AES_ROUNDS; r++)
		x = v_aesenc(x, v_load(k->round[r]));
	return v_aesenclast(x, v_load(k->round[AES_ROUNDS]));
}

/* x * H, where x is byte-reversed and power and fold belong to H. */
INLINE vec multiply(vec x, vec power, vec fold)
{
	struct sum s = {v_zero(), v_zero(), v_zero()};

	sum_add(&s, x, power, fold);
	return sum_reduce(&s);
}

/* H * x^-1: one place up; a coefficient of x^0 that falls out returns as x^127 + x^6 + x + 1. */
INLINE vec divide_by_x(vec h)
{
	const vec carry = _mm_srli_epi64(h, 63);
	const vec out = _mm_sub_epi64(v_zero(), _mm_srli_si128(carry, 8));
	const vec wrapped = _mm_set_epi64x((long long)C2, 1);
	const vec shifted = _mm_or_si128(_mm_slli_epi64(h, 1), _mm_slli_si128(carry, 8));

	return v_xor(shifted, _mm_and_si128(_mm_unpacklo_epi64(out, out), wrapped));
}

/*
 * Round key r from the two before it. The key schedule (FIPS 197, section 5.2), four words at a
 * time: w[i] = w[i-8] ^ w[i-1], where for every fourth word w[i-1] goes through SubWord, and for
 * every eighth through RotWord and a round constant as well.
 */
INLINE vec round_key(vec w, vec previous, size_t r)
{
	vec f = _mm_aeskeygenassist_si128(previous, 0);

	/* Word 2 of f is SubWord of the last word, word 3 RotWord of that. */
	if (r % 2)
		f = _mm_shuffle_epi32(f, _MM_SHUFFLE(2, 2, 2, 2));
	else
		f = v_xor(_mm_shuffle_epi32(f, _MM_SHUFFLE(3, 3, 3, 3)),
			  _mm_set1_epi32(1 << (r / 2 - 1)));
	w = v_xor(w, _mm_slli_si128(w, 4));
	w = v_xor(w, _mm_slli_si128(w, 8));
	return v_xor(w, f);
}

INLINE void expand_key(struct vector_key *k, const uint8_t key[PAGE_CIPHER_KEY_SIZE])
{
	v_store(k->round[0], v_load(key));
	v_store(k->round[1], v_load(key + 16));
	for (size_t r = 2; r <= AES_ROUNDS; r++)
		v_store(k->round[r],
			round_key(v_load(k->round[r - 2]), v_load(k->round[r - 1]), r));
}

/*
 * Neither the master nor its schedule is ever in memory: each round key is made when needed
 * (tests/unit/evidence_stack.c).
 */
TARGET void vector_derive(uint8_t *out, uint64_t m0, uint64_t m1, uint64_t m2, uint64_t m3,
			  const uint32_t *nonce)
{
	vec a = _mm_set_epi64x((long long)m1, (long long)m0);
	vec b = _mm_set_epi64x((long long)m3, (long long)m2);
	vec x[DERIVE_BLOCKS];

	UNROLL
	for (size_t i = 0; i < DERIVE_BLOCKS; i++)
		x[i] = v_aesenc(v_xor(_mm_set_epi32((int)nonce[2], (int)nonce[1], (int)nonce[0],
						    (int)(DERIVE_FIRST + i)),
				      a),
				b);
	UNROLL
	for (size_t r = 2; r <= AES_ROUNDS; r++) {
		const vec next = round_key(a, b, r);

		a = b;
		b = next;
		UNROLL
		for (size_t i = 0; i < DERIVE_BLOCKS; i++)
			x[i] = r < AES_ROUNDS ? v_aesenc(x[i], b) : v_aesenclast(x[i], b);
	}
	v_store(out, _mm_unpacklo_epi64(x[0], x[1]));
	v_store(out + 16, _mm_unpacklo_epi64(x[2], x[3]));
	v_clear();
}

TARGET void vector_setup(struct page_key *page_key, const uint8_t key[PAGE_CIPHER_KEY_SIZE],
			 size_t powers)
{
	struct vector_key *k = (struct vector_key *)page_key;
	vec h;

	expand_key(k, key);
	h = divide_by_x(v_bytes(encrypt_block(k, v_zero()), v_load(byte_reversal)));
	for (size_t n = 1; n <= powers; n++) {
		/* H^n from two powers of half its size: these do not wait for each other. */
		const size_t half = GHASH_POWERS - n / 2, rest = GHASH_POWERS - (n - n / 2);

		if (n > 1)
			h = multiply(v_load(k->power[rest]), v_load(k->power[half]),
				     v_load(k->fold[half]));
		v_store(k->power[GHASH_POWERS - n], h);
		v_store(k->fold[GHASH_POWERS - n], v_xor(h, v_swap(h)));
	}
	v_clear();
}

TARGET void vector_encrypt_block(const struct vector_key *k, uint8_t block[BLOCK_BYTES])
{
	v_store(block, encrypt_block(k, v_load(block)));
	v_clear();
}

TARGET void vector_ghash_block(const struct vector_key *k, uint8_t y[BLOCK_BYTES],
			       const uint8_t block[BLOCK_BYTES])
{
	const vec order = v_load(byte_reversal);
	const vec x = v_bytes(v_xor(v_load(y), v_load(block)), order);

	v_store(y, v_bytes(multiply(x, v_load(k->power[GHASH_POWERS - 1]),
				    v_load(k->fold[GHASH_POWERS - 1])),
			   order));
	v_clear();
}

const struct page_path page_path_aesni = {
	.name = "aesni",
	.needs = CPU_AESNI,
	.setup = path_setup,
	.derive = vector_derive,
	.run = run_aesni,
};
