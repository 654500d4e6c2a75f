/* SPDX-License-Identifier: Apache-2.0 */
/* The few of C's memory and string functions that the Core needs; semantics as in ISO C. */
#ifndef CORE_LIB_STRING_H
#define CORE_LIB_STRING_H

#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

/* Zero secrets: the compiler may not leave this out, even if the memory is never read again. */
static inline void secure_zero(void *p, size_t n)
{
	memset(p, 0, n);
	__asm__ volatile("" : : "r"(p) : "memory");
}

/*
 * Zero so many bytes, a multiple of 8, below the caller's frame: what calls have left there.
 * Nothing alive is there: the Core has no red zone, and its exceptions have stacks of their own.
 */
__attribute__((always_inline)) static inline void stack_wipe(size_t bytes)
{
	size_t words = bytes / 8;

	__asm__ volatile("mov %%rsp, %%rdi\n\tsub %1, %%rdi\n\trep stosq"
			 : "+c"(words)
			 : "r"(bytes), "a"(0ul)
			 : "rdi", "memory", "cc");
}

#endif
