// SPDX-License-Identifier: Apache-2.0
// Sizes and numbers. strtoull would take "-1", " 1" and "0x1"; none of them is meant.
#include "size.h"
#include <errno.h>
#include <string.h>
#include <cloister/launch.h>

// The number that `text` starts with; *end is what follows. At least one digit, no overflow.
static int leading_number(const char *text, uint64_t *value, const char **end)
{
	uint64_t n = 0;
	const char *c = text;

	for (; *c >= '0' && *c <= '9'; c++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*c - '0'), &n))
			return -EINVAL;
	if (c == text)
		return -EINVAL;
	*value = n;
	*end = c;
	return 0;
}

int parse_number(const char *text, uint64_t max, uint64_t *value)
{
	const char *end;
	uint64_t n;

	if (leading_number(text, &n, &end) || *end || n > max)
		return -EINVAL;
	*value = n;
	return 0;
}

int parse_size(const char *text, uint64_t *bytes)
{
	static const char suffixes[] = "KMG";
	const char *end;
	uint64_t n;

	if (leading_number(text, &n, &end))
		return -EINVAL;
	if (*end) {
		const char *suffix = strchr(suffixes, *end);
		if (!suffix || end[1] ||
		    __builtin_mul_overflow(n, 1024ull << (10 * (suffix - suffixes)), &n))
			return -EINVAL;
	}
	*bytes = n;
	return 0;
}

int parse_memory(const char *text, uint64_t *bytes)
{
	uint64_t n;

	if (parse_size(text, &n) || n < CL_ZONE_MEMORY_MIN || n > CL_ZONE_MEMORY_MAX ||
	    n % (2ull << 20))
		return -EINVAL;
	*bytes = n;
	return 0;
}
