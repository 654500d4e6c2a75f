// SPDX-License-Identifier: Apache-2.0
/* The page cipher with AVX2, VAES and VPCLMULQDQ: two blocks to a register. */
#include "cipher/page_cipher_internal.h"
#include "cipher/intrinsics.h"

#define TARGET __attribute__((target("avx2,vaes,vpclmulqdq")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#define LANES  2

typedef __m256i vec;

INLINE vec v_zero(void)
{
	return _mm256_setzero_si256();
}

INLINE vec v_load(const void *p)
{
	return _mm256_loadu_si256(p);
}

INLINE void v_store(void *p, vec x)
{
	_mm256_storeu_si256(p, x);
}

INLINE void v_store_block(void *p, vec x)
{
	_mm_storeu_si128(p, _mm256_castsi256_si128(x));
}

INLINE vec v_lanes(const void *p)
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128(p));
}

INLINE vec v_xor(vec x, vec y)
{
	return _mm256_xor_si256(x, y);
}

INLINE vec v_xor3(vec x, vec y, vec z)
{
	return v_xor(v_xor(x, y), z);
}

INLINE vec v_add32(vec x, vec y)
{
	return _mm256_add_epi32(x, y);
}

INLINE vec v_bytes(vec x, vec order)
{
	return _mm256_shuffle_epi8(x, order);
}

INLINE vec v_swap(vec x)
{
	return _mm256_shuffle_epi32(x, _MM_SHUFFLE(1, 0, 3, 2));
}

INLINE vec v_aesenc(vec x, vec key)
{
	return _mm256_aesenc_epi128(x, key);
}

INLINE vec v_aesenclast(vec x, vec key)
{
	return _mm256_aesenclast_epi128(x, key);
}

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
	.setup = vector_setup,
	.run = run_vaes256,
};
