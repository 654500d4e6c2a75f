/* SPDX-License-Identifier: Apache-2.0 */
/* Base types and arithmetic of the Core. */
#ifndef CORE_LIB_TYPES_H
#define CORE_LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cloister/call.h> /* CL_E*: functions that can fail return these, negative */

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ull
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define SIZE_1M	   (1ull << 20)
#define SIZE_2M	   (2ull << 20)
#define SIZE_1G	   (1ull << 30)
#define SIZE_4G	   (4ull << 30)

#define BIT64(n)   (1ull << (n))

/* `align` is a power of two; ALIGN_UP wraps to 0 past the last multiple below 2^64. */
static inline uint64_t ALIGN_DOWN(uint64_t value, uint64_t align)
{
	return value & ~(align - 1);
}

static inline uint64_t ALIGN_UP(uint64_t value, uint64_t align)
{
	return ALIGN_DOWN(value + align - 1, align);
}

/* The Core runs on an identity map of all physical memory (core/boot/paging.c). */
static inline void *phys_to_virt(uint64_t pa)
{
	return (void *)(uintptr_t)pa;
}

static inline uint64_t virt_to_phys(const volatile void *va)
{
	return (uint64_t)(uintptr_t)va;
}

#endif
