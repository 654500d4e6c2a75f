/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler's intrinsics, without the allocator that GCC's header drags in from libc. */
#ifndef CLOISTER_CIPHER_INTRINSICS_H
#define CLOISTER_CIPHER_INTRINSICS_H

#ifndef __clang__
#define _MM_MALLOC_H_INCLUDED 1
#endif
#include <immintrin.h>

/* What the v_clear functions overwrite. */
#define CLEARED_0_15                                                                               \
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",   \
		"xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define CLEARED_16_31                                                                              \
	"xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",  \
		"xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31"

#endif
