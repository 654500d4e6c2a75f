// SPDX-License-Identifier: Apache-2.0
// OpenSSL's decoder takes white space and left-over bits, and knows no base64url.
#include "base64.h"
#include <errno.h>

static int digit(enum spiffe_base64 kind, char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (kind == SPIFFE_BASE64 ? '+' : '-'))
		return 62;
	if (c == (kind == SPIFFE_BASE64 ? '/' : '_'))
		return 63;
	return -1;
}

ssize_t spiffe_base64_decode(enum spiffe_base64 kind, const char *text, size_t size, uint8_t *out)
{
	uint32_t bits = 0;
	size_t made = 0;

	if (kind == SPIFFE_BASE64) {
		if (size % 4)
			return -EINVAL;
		for (int i = 0; i < 2 && size && text[size - 1] == '='; i++)
			size--;
	}
	if (size % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < size; i++) {
		int d = digit(kind, text[i]);

		if (d < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)d;
		if (i % 4)
			out[made++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	// Two digits are one byte and four bits, three are two bytes and two bits.
	if ((size % 4 == 2 && bits & 15) || (size % 4 == 3 && bits & 3))
		return -EINVAL;
	return (ssize_t)made;
}
