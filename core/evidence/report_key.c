// SPDX-License-Identifier: Apache-2.0
// Make and use the P-256 key that signs reports.
#include "evidence/report_key.h"

#include <bearssl.h>

#include <cloister/call.h>
#include "cpu/master_key.h"
#include "lib/string.h"

#define SECRET_SIZE DERIVED_KEY_SIZE
#define POINT_SIZE  65u /* 0x04 ‖ x ‖ y (SEC 1, 2.3.3) */
/* By the arithmetic, which leaves the secret and the nonce there (tests/unit/evidence_stack.c). */
#define STACK_USED 3584u
/* A candidate is out of range once in 2^32. */
#define DRAWS 8u

static struct {
	bool ready;
	uint64_t number; /* which candidate the secret is */
	uint8_t point[POINT_SIZE];
} key;

/* 1 ≤ d < n, looking at every byte whatever their values. */
static bool in_range(const uint8_t d[SECRET_SIZE])
{
	size_t size;
	const unsigned char *order = br_ec_p256_m31.order(BR_EC_secp256r1, &size);
	uint32_t borrow = 0, any = 0;

	for (size_t i = SECRET_SIZE; i-- > 0;) {
		borrow = ((uint32_t)d[i] - order[i] - borrow) >> 31;
		any |= d[i];
	}
	return borrow && any;
}

int report_key_init(void)
{
	static const uint8_t test_hash[REPORT_KEY_HASH_SIZE] = "pairwise consistency";
	uint8_t sig[REPORT_KEY_SIG_SIZE], secret[SECRET_SIZE];

	/* Testing candidates (FIPS 186-5, A.2.2): no bias. */
	report_key_wipe();
	for (unsigned int i = 0; i < DRAWS && !key.ready; i++) {
		key.number = i;
		master_key_derive(secret, KEY_REPORT, i);
		key.ready = in_range(secret);
	}
	size_t size = br_ec_p256_m31.mulgen(key.point, secret, SECRET_SIZE, BR_EC_secp256r1);

	secure_zero(secret, sizeof(secret));
	stack_wipe(STACK_USED);
	if (size != POINT_SIZE || report_key_sign(sig, test_hash) != 0) {
		report_key_wipe();
		return -CL_EIO;
	}
	return 0;
}

const uint8_t *report_key_public(void)
{
	return key.point + 1;
}

int report_key_sign(uint8_t sig[REPORT_KEY_SIG_SIZE], const uint8_t hash[REPORT_KEY_HASH_SIZE])
{
	uint8_t secret[SECRET_SIZE];
	br_ec_private_key sk = {
		.curve = BR_EC_secp256r1,
		.x = secret,
		.xlen = SECRET_SIZE,
	};
	br_ec_public_key pk = {
		.curve = BR_EC_secp256r1,
		.q = key.point,
		.qlen = POINT_SIZE,
	};

	if (!key.ready)
		return -CL_ENOENT;
	/*
	 * The nonce is deterministic (RFC 6979): it needs no entropy here, but one wrong and one
	 * right signature of the same hash give the key away. So a signature that a bit flip in
	 * RAM may have spoilt never leaves.
	 */
	master_key_derive(secret, KEY_REPORT, key.number);
	size_t size = br_ecdsa_i31_sign_raw(&br_ec_p256_m31, &br_sha256_vtable, hash, &sk, sig);

	secure_zero(secret, sizeof(secret));
	stack_wipe(STACK_USED);
	if (size != REPORT_KEY_SIG_SIZE ||
	    br_ecdsa_i31_vrfy_raw(&br_ec_p256_m31, hash, REPORT_KEY_HASH_SIZE, &pk, sig,
				  REPORT_KEY_SIG_SIZE) != 1) {
		secure_zero(sig, REPORT_KEY_SIG_SIZE);
		return -CL_EIO;
	}
	return 0;
}

void report_key_wipe(void)
{
	secure_zero(&key, sizeof(key));
}
