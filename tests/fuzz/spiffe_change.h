/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_SPIFFE_CHANGE_H
#define FUZZ_SPIFFE_CHANGE_H

#include "fuzz.h"

/* data with some bytes changed, cut short or with one more, as the input says. Free it. */
static inline void *changed(struct input *in, const void *data, size_t *size)
{
	uint8_t *copy = malloc(*size + 1), *exact;
	unsigned end;

	require(copy && *size);
	memcpy(copy, data, *size);
	copy[*size] = 0;
	for (unsigned turn = (unsigned)take(in, 1) % 8; turn; turn--) {
		size_t at = take(in, 2) % *size;

		copy[at] = (uint8_t)take(in, 1);
	}
	end = (unsigned)take(in, 1) % 8;
	if (end == 7)
		*size = take(in, 2) % (*size + 1);
	else if (end == 6)
		*size += 1;
	exact = exact_copy(copy, *size);
	free(copy);
	return exact;
}

#endif
