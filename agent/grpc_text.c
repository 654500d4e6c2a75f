// SPDX-License-Identifier: Apache-2.0
#include "grpc_text.h"
#include <string.h>
#include <strings.h>

void grpc_prefix(uint8_t prefix[GRPC_PREFIX], uint32_t size)
{
	prefix[0] = 0;
	prefix[1] = (uint8_t)(size >> 24);
	prefix[2] = (uint8_t)(size >> 16);
	prefix[3] = (uint8_t)(size >> 8);
	prefix[4] = (uint8_t)size;
}

size_t grpc_percent(char *out, size_t room, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;

	for (; *text; text++) {
		uint8_t c = (uint8_t)*text;

		if (c >= 0x20 && c <= 0x7e && c != '%') {
			if (n + 1 >= room)
				break;
			out[n++] = (char)c;
		} else {
			if (n + 3 >= room)
				break;
			out[n++] = '%';
			out[n++] = digits[c >> 4];
			out[n++] = digits[c & 15];
		}
	}
	out[n] = '\0';
	return n;
}

bool grpc_timeout(const uint8_t *text, size_t size, int64_t *ns)
{
	static const char units[] = "HMSmun";
	static const int64_t unit_ns[] = {3600000000000, 60000000000, 1000000000, 1000000, 1000, 1};
	int64_t value = 0;

	if (size < 2 || size > 9)
		return false;
	for (size_t i = 0; i < size - 1; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (text[i] - '0');
	}
	const char *unit = text[size - 1] ? strchr(units, text[size - 1]) : NULL;
	if (!unit)
		return false;
	// 99,999,999 hours would be more nanoseconds than there are.
	if (__builtin_mul_overflow(value, unit_ns[unit - units], ns) || *ns > INT64_MAX / 4)
		*ns = INT64_MAX / 4;
	return true;
}

bool grpc_content_type(const uint8_t *text, size_t size)
{
	static const char type[] = "application/grpc";
	const size_t n = sizeof(type) - 1;

	// Media types do not distinguish cases (RFC 9110, section 8.3.1).
	if (size < n || strncasecmp((const char *)text, type, n) != 0)
		return false;
	return size == n || text[n] == '+' || text[n] == ';';
}
