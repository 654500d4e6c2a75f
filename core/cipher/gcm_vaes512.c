// SPDX-License-Identifier: Apache-2.0
/* The page cipher with AVX-512: four blocks to a register. */
#include "cipher/page_cipher_internal.h"
#include "cipher/intrinsics.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,vaes,vpclmulqdq")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#define LANES  4

typedef __m512i vec;

INLINE vec v_zero(void)
{
	return _mm512_setzero_si512();
}

INLINE vec v_load(const void *p)
{
	return _mm512_loadu_si512(p);
}

INLINE void v_store(void *p, vec x)
{
	_mm512_storeu_si512(p, x);
}

INLINE void v_store_block(void *p, vec x)
{
	_mm_storeu_si128(p, _mm512_castsi512_si128(x));
}

INLINE vec v_lanes(const void *p)
{
	return _mm512_broadcast_i32x4(_mm_loadu_si128(p));
}

INLINE vec v_xor(vec x, vec y)
{
	return _mm512_xor_si512(x, y);
}

INLINE vec v_xor3(vec x, vec y, vec z)
{
	return _mm512_ternarylogic_epi64(x, y, z, 0x96);
}

INLINE vec v_add32(vec x, vec y)
{
	return _mm512_add_epi32(x, y);
}

INLINE vec v_bytes(vec x, vec order)
{
	return _mm512_shuffle_epi8(x, order);
}

INLINE vec v_swap(vec x)
{
	return _mm512_shuffle_epi32(x, _MM_PERM_BADC);
}

INLINE vec v_aesenc(vec x, vec key)
{
	return _mm512_aesenc_epi128(x, key);
}

INLINE vec v_aesenclast(vec x, vec key)
{
	return _mm512_aesenclast_epi128(x, key);
}

#define v_clmul(x, y, halves) _mm512_clmulepi64_epi128(x, y, halves)

INLINE vec v_sum(vec x)
{
	const __m256i y = _mm256_xor_si256(_mm512_castsi512_si256(x),
					   _mm512_extracti64x4_epi64(x, 1));

	return _mm512_zextsi128_si512(
		_mm_xor_si128(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1)));
}

/* VZEROALL reaches the first 16 registers only. */
INLINE void v_clear(void)
{
	__asm__ volatile("vzeroall\n\t"
			 "vpxorq %%zmm16, %%zmm16, %%zmm16\n\tvpxorq %%zmm17, %%zmm17, %%zmm17\n\t"
			 "vpxorq %%zmm18, %%zmm18, %%zmm18\n\tvpxorq %%zmm19, %%zmm19, %%zmm19\n\t"
			 "vpxorq %%zmm20, %%zmm20, %%zmm20\n\tvpxorq %%zmm21, %%zmm21, %%zmm21\n\t"
			 "vpxorq %%zmm22, %%zmm22, %%zmm22\n\tvpxorq %%zmm23, %%zmm23, %%zmm23\n\t"
			 "vpxorq %%zmm24, %%zmm24, %%zmm24\n\tvpxorq %%zmm25, %%zmm25, %%zmm25\n\t"
			 "vpxorq %%zmm26, %%zmm26, %%zmm26\n\tvpxorq %%zmm27, %%zmm27, %%zmm27\n\t"
			 "vpxorq %%zmm28, %%zmm28, %%zmm28\n\tvpxorq %%zmm29, %%zmm29, %%zmm29\n\t"
			 "vpxorq %%zmm30, %%zmm30, %%zmm30\n\tvpxorq %%zmm31, %%zmm31, %%zmm31"
			 ::
			 : CLEARED_0_15, CLEARED_16_31);
}

#define PATH_RUN run_vaes512
#include "cipher/gcm_vector.h"

const struct page_path page_path_vaes512 = {
	.name = "vaes512",
	.needs = CPU_AESNI | CPU_VAES | CPU_AVX512,
	.setup = vector_setup,
	.run = run_vaes512,
};
