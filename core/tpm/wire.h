/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How TPM commands and responses are written (TPM 2.0 Library, part 1, section 18): big-endian,
 * without gaps; a TPM2B is a size of 16 bits and so many bytes.
 *
 * Writing past the end, or reading past it, is remembered and not done: look at `bad` once.
 */
#ifndef CORE_TPM_WIRE_H
#define CORE_TPM_WIRE_H

#include "lib/types.h"

struct tpm_out {
	uint8_t *buf;
	uint32_t cap, len;
	bool bad;
};

struct tpm_in {
	const uint8_t *at;
	uint32_t left;
	bool bad;
};

void tpm_put(struct tpm_out *o, const void *data, uint32_t size);
void tpm_put8(struct tpm_out *o, uint8_t value);
void tpm_put16(struct tpm_out *o, uint16_t value);
void tpm_put32(struct tpm_out *o, uint32_t value);

/* The next n bytes, where they are; NULL if there are not so many. */
const uint8_t *tpm_get(struct tpm_in *in, uint32_t n);
uint8_t tpm_get8(struct tpm_in *in); /* 0 if bad, as the next two */
uint16_t tpm_get16(struct tpm_in *in);
uint32_t tpm_get32(struct tpm_in *in);
/* A TPM2B, as a reader of its own. */
struct tpm_in tpm_get_sized(struct tpm_in *in);

#endif
