/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checked reader of what TPMs write: big-endian integers and sized buffers (TPM 2.0 Library 1.59,
 * part 1, section 4.2; TPM2B_*, part 2, section 10.4). After the first read past the end everything
 * reads as zero and `bad` stays set, so that a parser can look once, at its end.
 */
#ifndef VERIFY_TPM_IN_H
#define VERIFY_TPM_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clv_tpm_in {
	const uint8_t *at;
	size_t left;
	bool bad;
};

static inline const uint8_t *clv_tpm_bytes(struct clv_tpm_in *in, size_t size)
{
	const uint8_t *bytes = in->at;

	if (in->bad || size > in->left) {
		in->bad = true;
		return NULL;
	}
	in->at += size;
	in->left -= size;
	return bytes;
}

static inline uint64_t clv_tpm_uint(struct clv_tpm_in *in, size_t size)
{
	const uint8_t *bytes = clv_tpm_bytes(in, size);
	uint64_t value = 0;

	for (size_t i = 0; bytes && i < size; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* TPM2B: a 16-bit size and as many bytes. NULL with *size 0 if it is bad. */
static inline const uint8_t *clv_tpm_2b(struct clv_tpm_in *in, size_t *size)
{
	const uint8_t *bytes;

	*size = (size_t)clv_tpm_uint(in, 2);
	bytes = clv_tpm_bytes(in, *size);
	if (!bytes)
		*size = 0;
	return bytes;
}

#endif
