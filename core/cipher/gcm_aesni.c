// SPDX-License-Identifier: Apache-2.0
/* The page cipher with AES-NI and PCLMULQDQ, and the key set-up of all vector paths. */
#include "cipher/page_cipher_internal.h"
#include "cipher/intrinsics.h"

#define TARGET __attribute__((target("aes,pclmul,ssse3")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#define LANES  1

typedef __m128i vec;

INLINE vec v_zero(void)
{
	return _mm_setzero_si128();
}

INLINE vec v_load(const void *p)
{
	return _mm_loadu_si128(p);
}

INLINE void v_store(void *p, vec x)
{
	_mm_storeu_si128(p, x);
}

INLINE void v_store_block(void *p, vec x)
{
	v_store(p, x);
}

INLINE vec v_lanes(const void *p)
{
	return v_load(p);
}

INLINE vec v_xor(vec x, vec y)
{
	return _mm_xor_si128(x, y);
}

INLINE vec v_xor3(vec x, vec y, vec z)
{
	return v_xor(v_xor(x, y), z);
}

INLINE vec v_add32(vec x, vec y)
{
	return _mm_add_epi32(x, y);
}

INLINE vec v_bytes(vec x, vec order)
{
	return _mm_shuffle_epi8(x, order);
}

INLINE vec v_swap(vec x)
{
	return _mm_shuffle_epi32(x, _MM_SHUFFLE(1, 0, 3, 2));
}

INLINE vec v_aesenc(vec x, vec key)
{
	return _mm_aesenc_si128(x, key);
}

INLINE vec v_aesenclast(vec x, vec key)
{
	return _mm_aesenclast_si128(x, key);
}

#define v_clmul(x, y, halves) _mm_clmulepi64_si128(x, y, halves)

INLINE vec v_sum(vec x)
{
	return x;
}

INLINE void v_clear(void)
{
	__asm__ volatile("pxor %%xmm0, %%xmm0\n\tpxor %%xmm1, %%xmm1\n\t"
			 "pxor %%xmm2, %%xmm2\n\tpxor %%xmm3, %%xmm3\n\t"
			 "pxor %%xmm4, %%xmm4\n\tpxor %%xmm5, %%xmm5\n\t"
			 "pxor %%xmm6, %%xmm6\n\tpxor %%xmm7, %%xmm7\n\t"
			 "pxor %%xmm8, %%xmm8\n\tpxor %%xmm9, %%xmm9\n\t"
			 "pxor %%xmm10, %%xmm10\n\tpxor %%xmm11, %%xmm11\n\t"
			 "pxor %%xmm12, %%xmm12\n\tpxor %%xmm13, %%xmm13\n\t"
			 "pxor %%xmm14, %%xmm14\n\tpxor %%xmm15, %%xmm15"
			 ::
			 : CLEARED_0_15);
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
	const vec wrapped = _mm_set_epi64x((long long)(0xc2ull << 56), 1);
	vec x = _mm_or_si128(_mm_slli_epi64(h, 1), _mm_slli_si128(carry, 8));

	return v_xor(x, _mm_and_si128(_mm_unpacklo_epi64(out, out), wrapped));
}

/*
 * The key schedule (FIPS 197, section 5.2): w[i] = w[i-8] ^ f(w[i-1]); four words at a time, the
 * running XOR of the four old words, then f of the last word before them added to each.
 */
INLINE vec next_round_key(vec old, vec f)
{
	old = v_xor(old, _mm_slli_si128(old, 4));
	old = v_xor(old, _mm_slli_si128(old, 8));
	return v_xor(old, f);
}

/* f with and without rotation and round constant: words 3 and 2 of AESKEYGENASSIST's result. */
#define EVEN_KEY(r, rcon)                                                                          \
	v_store(k->round[r], next_round_key(v_load(k->round[(r)-2]),                               \
					    _mm_shuffle_epi32(_mm_aeskeygenassist_si128(           \
								      v_load(k->round[(r)-1]), rcon), \
							      0xff)))
#define ODD_KEY(r)                                                                                 \
	v_store(k->round[r], next_round_key(v_load(k->round[(r)-2]),                               \
					    _mm_shuffle_epi32(_mm_aeskeygenassist_si128(           \
								      v_load(k->round[(r)-1]), 0),  \
							      0xaa)))

TARGET void vector_setup(struct page_key *page_key, const uint8_t key[PAGE_CIPHER_KEY_SIZE])
{
	struct vector_key *k = (struct vector_key *)page_key;
	vec power, fold, h;

	v_store(k->round[0], v_load(key));
	v_store(k->round[1], v_load(key + 16));
	EVEN_KEY(2, 0x01);
	ODD_KEY(3);
	EVEN_KEY(4, 0x02);
	ODD_KEY(5);
	EVEN_KEY(6, 0x04);
	ODD_KEY(7);
	EVEN_KEY(8, 0x08);
	ODD_KEY(9);
	EVEN_KEY(10, 0x10);
	ODD_KEY(11);
	EVEN_KEY(12, 0x20);
	ODD_KEY(13);
	EVEN_KEY(14, 0x40);

	h = power = divide_by_x(v_bytes(encrypt_block(k, v_zero()), v_load(byte_reversal)));
	fold = v_xor(power, v_swap(power));
	for (size_t i = GHASH_POWERS; i-- > 0;) {
		v_store(k->power[i], h);
		v_store(k->fold[i], v_xor(h, v_swap(h)));
		h = multiply(h, power, fold);
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
	.setup = vector_setup,
	.run = run_aesni,
};
