// SPDX-License-Identifier: Apache-2.0
/*
 * Memory and string functions. Eight bytes at a time, because an emulated CPU pays for each
 * iteration of a string instruction; CPUs with fast string operations do not mind. The direction
 * flag is clear in the Core (start.S, exception.S).
 */
#include "lib/string.h"

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	void *ret = to;
	size_t words = n / 8, bytes = n % 8;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
	return ret;
}

void *memmove(void *to, const void *from, size_t n)
{
	/* Ascending is right unless `to` lies inside the source. */
	if ((size_t)((char *)to - (const char *)from) >= n)
		return memcpy(to, from, n);

	void *ret = to;
	void *last_to = (char *)to + n - 1;
	const void *last_from = (const char *)from + n - 1;

	__asm__ volatile("std; rep movsb; cld"
			 : "+D"(last_to), "+S"(last_from), "+c"(n)
			 :
			 : "memory", "cc");
	return ret;
}

void *memset(void *to, int c, size_t n)
{
	void *ret = to;
	uint64_t pattern = 0x0101010101010101ull * (unsigned char)c;
	size_t words = n / 8, bytes = n % 8;

	__asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(pattern) : "memory");
	return ret;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

size_t strlen(const char *s)
{
	return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char x = (unsigned char)a[i], y = (unsigned char)b[i];

		if (x != y)
			return x < y ? -1 : 1;
		if (!x)
			break;
	}
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}
