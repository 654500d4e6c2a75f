// SPDX-License-Identifier: Apache-2.0
/* The page cipher with AVX2, VAES and VPCLMULQDQ: two blocks to a register. */
#include "cipher/page_cipher_internal.h"
#include "cipher/intrinsics.h"

#define TARGET __attribute__((target("avx2,vaes,vpclmulqdq")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#define LANES  2

typedef __m256i vec;

#define v_zero()	      _mm256_setzero_si256()
#define v_load(p)	      _mm256_loadu_si256((const __m256i *)(p))
#define v_store(p, x)	      _mm256_storeu_si256((__m256i *)(p), x)
#define v_store_block(p, x)   _mm_storeu_si128((__m128i *)(p), _mm256_castsi256_si128(x))
#define v_lanes(p)	      _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(p)))
#define v_xor(x, y)	      _mm256_xor_si256(x, y)
#define v_xor3(x, y, z)	      v_xor(v_xor(x, y), z)
#define v_add32(x, y)	      _mm256_add_epi32(x, y)
#define v_bytes(x, order)     _mm256_shuffle_epi8(x, order)
#define v_swap(x)	      _mm256_shuffle_epi32(x, _MM_SHUFFLE(1, 0, 3, 2))
#define v_aesenc(x, key)      _mm256_aesenc_epi128(x, key)
#define v_aesenclast(x, key)  _mm256_aesenclast_epi128(x, key)
#define v_clmul(x, y, halves) _mm256_clmulepi64_epi128(x, y, halves)

INLINE vec v_sum(vec x)
{
	return _mm256_zextsi128_si256(
		_mm_xor_si128(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1)));
}

INLINE void v_clear(void)
{
	__asm__ volatile("vzeroall" ::: CLEARED_0_15);
}

#define PATH_RUN run_vaes256
#include "cipher/gcm_vector.h"

const struct page_path page_path_vaes256 = {
	.name = "vaes256",
	.needs = CPU_AESNI | CPU_VAES,
	.setup = path_setup,
	.derive = vector_derive,
	.run = run_vaes256,
};
