/* SPDX-License-Identifier: Apache-2.0 */
/* What all fuzz targets share: a promise that must hold, and a reader of the fuzzer's bytes. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A broken promise is a finding like any crash. */
#define require(holds)                                                                             \
	do {                                                                                       \
		if (!(holds)) {                                                                    \
			fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__,         \
				#holds);                                                           \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct input {
	const uint8_t *at;
	size_t left;
};

/* The next n ≤ 8 bytes, little-endian; zeros when there are no more. */
static inline uint64_t take(struct input *in, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n && in->left; i++, in->at++, in->left--)
		v |= (uint64_t)*in->at << (8 * i);
	return v;
}

/* The next n bytes, the rest zeros. */
static inline void take_bytes(struct input *in, void *to, size_t n)
{
	size_t have = n < in->left ? n : in->left;

	memset(to, 0, n);
	if (have)
		memcpy(to, in->at, have);
	in->at += have;
	in->left -= have;
}

/* A copy of exactly n bytes, so that the sanitizer sees a read behind them. Free it. */
static inline void *exact_copy(const void *from, size_t n)
{
	void *copy = malloc(n ? n : 1);

	require(copy != NULL);
	if (n)
		memcpy(copy, from, n);
	return copy;
}

#endif
