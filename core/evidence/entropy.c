// SPDX-License-Identifier: Apache-2.0
// Seed an HMAC-DRBG from the CPU and draw from it.
#include "evidence/entropy.h"

#include <bearssl.h>

#include <cloister/call.h>
#include "evidence/entropy_hw.h"
#include "lib/string.h"

/*
 * RDRAND is itself a generator that reseeds from its noise source now and then: on Intel after at
 * most 511 draws of 128 bits (Intel DRNG Software Implementation Guide), and AMD does not
 * say. 1024 draws of 64 bits, conditioned by SHA-512, cross a reseed and cost microseconds.
 */
#define DRAWS 1024u
/* A healthy generator does not fail ten times in a row (Intel SDM vol. 1, 7.3.17.1). */
#define RETRIES 10u
/* SP 800-90A, table 2: most bytes of one request to a DRBG (2^19 bits). */
#define REQUEST_MAX 65536u

static const char personalization[] = "cloister core entropy 1";

static br_hmac_drbg_context drbg;
static bool seeded;

static bool draw(uint64_t *value)
{
	for (unsigned int i = 0; i < RETRIES; i++)
		if (entropy_hw_draw(value))
			return true;
	return false;
}

int entropy_init(void)
{
	struct {
		uint64_t random;
		uint64_t tsc;
	} sample;
	struct {
		uint8_t material[br_sha512_SIZE];
		uint8_t personalization[sizeof(personalization)];
	} seed;
	br_sha512_context condition;
	uint64_t first = 0, previous = 0;
	int err = 0;

	seeded = false;
	if (!entropy_hw_present())
		return -CL_ENOSYS;

	br_sha512_init(&condition);
	for (unsigned int i = 0; i < DRAWS; i++) {
		if (!draw(&sample.random)) {
			err = -CL_EIO;
			break;
		}
		/*
		 * Some AMD CPUs gave all ones with CF = 1 after resume; a stuck or short-cycled
		 * generator repeats. A healthy one does either with probability 2^-53 here.
		 */
		if (sample.random == 0 || sample.random == UINT64_MAX ||
		    (i > 0 && (sample.random == first || sample.random == previous))) {
			err = -CL_EIO;
			break;
		}
		if (i == 0)
			first = sample.random;
		previous = sample.random;
		/* Jitter is a bonus that the seed does not rely on. */
		sample.tsc = entropy_hw_tsc();
		br_sha512_update(&condition, &sample, sizeof(sample));
	}
	if (!err) {
		br_sha512_out(&condition, seed.material);
		memcpy(seed.personalization, personalization, sizeof(personalization));
		br_hmac_drbg_init(&drbg, &br_sha256_vtable, &seed, sizeof(seed));
		seeded = true;
	}
	secure_zero(&sample, sizeof(sample));
	secure_zero(&seed, sizeof(seed));
	secure_zero(&condition, sizeof(condition));
	secure_zero(&first, sizeof(first));
	secure_zero(&previous, sizeof(previous));
	return err;
}

void entropy_bytes(void *out, size_t size)
{
	/* A caller could not tell a missing generator from a working one: stop here. */
	if (!seeded || size > REQUEST_MAX)
		__builtin_trap();
	br_hmac_drbg_generate(&drbg, out, size);
}

void entropy_wipe(void)
{
	seeded = false;
	secure_zero(&drbg, sizeof(drbg));
}
