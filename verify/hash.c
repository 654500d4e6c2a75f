// SPDX-License-Identifier: Apache-2.0
// SHA-256, by OpenSSL.
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "hash.h"

void clv_sha256(const uint8_t *data, size_t size, uint8_t digest[CL_HASH_SIZE])
{
	if (!SHA256(data, size, digest))
		abort();
}

void clv_extend(uint8_t pcr[CL_PCR_SIZE], const uint8_t digest[CL_HASH_SIZE])
{
	uint8_t both[CL_PCR_SIZE + CL_HASH_SIZE];

	memcpy(both, pcr, CL_PCR_SIZE);
	memcpy(both + CL_PCR_SIZE, digest, CL_HASH_SIZE);
	clv_sha256(both, sizeof(both), pcr);
}
