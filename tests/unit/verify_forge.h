/* SPDX-License-Identifier: Apache-2.0 */
/* Make reports that are rightly signed and otherwise as wrong as a test wants. */
#ifndef TESTS_UNIT_VERIFY_FORGE_H
#define TESTS_UNIT_VERIFY_FORGE_H

#include <stddef.h>
#include <stdint.h>

#include "evidence/cbor.h"

enum forge_kind {
	FORGE_UINT,
	FORGE_BYTES,
	FORGE_TEXT,
	FORGE_RAW, /* these bytes, whatever they are */
};

struct forge_claim {
	int64_t key;
	enum forge_kind kind;
	uint64_t number;
	const void *data; /* text ends with a NUL */
	size_t size;
};

#define FORGE_CLAIMS 15

/* Everything that can be made wrong; forge_default makes it right. */
struct forge {
	uint64_t tag;
	size_t items;
	int64_t alg_key;
	int64_t alg;
	size_t unprotected;
	int64_t key_key;
	size_t key_size;
	size_t sig_size;
	const uint8_t *raw_protected; /* ≠ NULL: in place of { alg_key: alg } */
	size_t raw_protected_size;
	struct forge_claim claim[FORGE_CLAIMS + 3];
	size_t nr_claims;
	size_t said_claims;	    /* as the map's head says */
	const uint8_t *raw_payload; /* ≠ NULL: in place of the claims */
	size_t raw_payload_size;
};

void forge_default(struct forge *f, const uint8_t data[64], const uint8_t digest[48]);

/* The claim with this key. */
struct forge_claim *forge_claim(struct forge *f, int64_t key);

/* The report's size. Fails the test if it does not fit. */
size_t forge_make(const struct forge *f, uint8_t *out, size_t cap);

/* The key that forge_make signs with, x ‖ y. */
const uint8_t *forge_public(void);

#endif
