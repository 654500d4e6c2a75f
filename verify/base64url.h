/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VERIFY_BASE64URL_H
#define VERIFY_BASE64URL_H

#include <stddef.h>
#include <stdint.h>

/* Room for size bytes and a NUL. */
#define CLV_BASE64URL_SIZE(size) (((size) + 2) / 3 * 4 + 1)

/* RFC 4648, section 5, without padding (RFC 7515, section 2). Returns where the NUL is. */
static inline char *clv_base64url(char *out, const uint8_t *data, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (size_t i = 0; i < size; i += 3) {
		uint32_t bits = (uint32_t)data[i] << 16;
		size_t left = size - i;

		if (left > 1)
			bits |= (uint32_t)data[i + 1] << 8;
		if (left > 2)
			bits |= data[i + 2];
		*out++ = digits[bits >> 18];
		*out++ = digits[bits >> 12 & 63];
		if (left > 1)
			*out++ = digits[bits >> 6 & 63];
		if (left > 2)
			*out++ = digits[bits & 63];
	}
	*out = '\0';
	return out;
}

#endif
