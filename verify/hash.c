// SPDX-License-Identifier: Apache-2.0
// SHA-256, by OpenSSL.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "hash.h"

/*
 * Looked up once: OpenSSL 3.0 takes longer to find an algorithm than to hash an event with it. An
 * event log means hundreds of hashes.
 */
static EVP_MD *sha256;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

void clv_sha256(const uint8_t *data, size_t size, uint8_t digest[CL_HASH_SIZE])
{
	pthread_once(&once, fetch);
	if (!sha256 || EVP_Digest(data, size, digest, NULL, sha256, NULL) != 1)
		abort();
}

void clv_extend(uint8_t pcr[CL_PCR_SIZE], const uint8_t digest[CL_HASH_SIZE])
{
	uint8_t both[CL_PCR_SIZE + CL_HASH_SIZE];

	memcpy(both, pcr, CL_PCR_SIZE);
	memcpy(both + CL_PCR_SIZE, digest, CL_HASH_SIZE);
	clv_sha256(both, sizeof(both), pcr);
}
