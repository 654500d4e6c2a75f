// SPDX-License-Identifier: Apache-2.0
/* The page cipher with AVX-512: four blocks to a register. */
#include "cipher/page_cipher_internal.h"
#include "cipher/intrinsics.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,vaes,vpclmulqdq")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#define LANES  4

typedef __m512i vec;

#define v_zero()	      _mm512_setzero_si512()
#define v_load(p)	      _mm512_loadu_si512(p)
#define v_store(p, x)	      _mm512_storeu_si512(p, x)
#define v_store_block(p, x)   _mm_storeu_si128((__m128i *)(p), _mm512_castsi512_si128(x))
#define v_lanes(p)	      _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(p)))
#define v_xor(x, y)	      _mm512_xor_si512(x, y)
#define v_xor3(x, y, z)	      _mm512_ternarylogic_epi64(x, y, z, 0x96)
#define v_add32(x, y)	      _mm512_add_epi32(x, y)
#define v_bytes(x, order)     _mm512_shuffle_epi8(x, order)
#define v_swap(x)	      _mm512_shuffle_epi32(x, _MM_PERM_BADC)
#define v_aesenc(x, key)      _mm512_aesenc_epi128(x, key)
#define v_aesenclast(x, key)  _mm512_aesenclast_epi128(x, key)
#define v_clmul(x, y, halves) _mm512_clmulepi64_epi128(x, y, halves)

INLINE vec v_sum(vec x)
{
	const __m256i y =
		_mm256_xor_si256(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));

	return _mm512_zextsi128_si512(
		_mm_xor_si128(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1)));
}

/* VZEROALL reaches the first 16 registers only. */
#define ZERO(n) "vpxorq %%zmm" #n ", %%zmm" #n ", %%zmm" #n "\n\t"
/* clang-format off */
#define ZERO_16_31 \
	ZERO(16) ZERO(17) ZERO(18) ZERO(19) ZERO(20) ZERO(21) ZERO(22) ZERO(23) \
	ZERO(24) ZERO(25) ZERO(26) ZERO(27) ZERO(28) ZERO(29) ZERO(30) ZERO(31)
/* clang-format on */

INLINE void v_clear(void)
{
	__asm__ volatile("vzeroall\n\t" ZERO_16_31 ::: CLEARED_0_15, CLEARED_16_31);
}

#define PATH_RUN run_vaes512
#include "cipher/gcm_vector.h"

const struct page_path page_path_vaes512 = {
	.name = "vaes512",
	.needs = CPU_AESNI | CPU_VAES | CPU_AVX512,
	.setup = path_setup,
	.derive = vector_derive,
	.run = run_vaes512,
};
