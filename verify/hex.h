/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VERIFY_HEX_H
#define VERIFY_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Lower-case hex of size bytes and a NUL: 2 * size + 1 characters. */
static inline void clv_hex(char *out, const uint8_t *data, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		*out++ = digits[data[i] >> 4];
		*out++ = digits[data[i] & 0xf];
	}
	*out = '\0';
}

#endif
