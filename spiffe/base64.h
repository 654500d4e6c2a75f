/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 with one encoding for each byte string: no white space, no foreign characters, no bits
 * left over that are not zero. verify/base64url.h is the way back.
 */
#ifndef SPIFFE_BASE64_H
#define SPIFFE_BASE64_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum spiffe_base64 {
	SPIFFE_BASE64,	  /* RFC 4648, section 4, with padding: x5c (RFC 7517, section 4.7) */
	SPIFFE_BASE64URL, /* section 5, without padding (RFC 7515, section 2) */
};

/* Room for what size characters can hold. */
#define SPIFFE_BASE64_ROOM(size) ((size) / 4 * 3 + 2)

/* How many bytes, in an out of SPIFFE_BASE64_ROOM(size); -EINVAL if it is not that encoding. */
ssize_t spiffe_base64_decode(enum spiffe_base64 kind, const char *text, size_t size, uint8_t *out);

#endif
