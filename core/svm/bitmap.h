/* SPDX-License-Identifier: Apache-2.0 */
/* I/O and MSR permission maps: AMD APM vol. 2, sections 15.10.1 and 15.11. */
#ifndef CORE_SVM_BITMAP_H
#define CORE_SVM_BITMAP_H

#include "lib/types.h"

#define IOPM_PAGES  3u
#define MSRPM_PAGES 2u

static inline void bit_set(uint8_t *map, unsigned bit)
{
	map[bit / 8] |= (uint8_t)(1u << (bit % 8));
}

static inline void bit_clear(uint8_t *map, unsigned bit)
{
	map[bit / 8] &= (uint8_t) ~(1u << (bit % 8));
}

static inline bool bit_test(const uint8_t *map, unsigned bit)
{
	return map[bit / 8] >> (bit % 8) & 1;
}

/* The read bit of an MSR (the write bit follows), or -1 if the map has none: always intercepted. */
static inline int msrpm_bit(uint32_t msr)
{
	if (msr < 0x2000)
		return (int)(msr * 2);
	if (msr >= 0xc0000000 && msr < 0xc0002000)
		return (int)(0x4000 + (msr - 0xc0000000) * 2);
	if (msr >= 0xc0010000 && msr < 0xc0012000)
		return (int)(0x8000 + (msr - 0xc0010000) * 2);
	return -1;
}

#endif
