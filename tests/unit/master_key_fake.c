// SPDX-License-Identifier: Apache-2.0
// core/cpu/master_key.c for programs, which may not touch debug registers: the master is in memory.
#include "cipher/page_cipher.h"
#include "cpu/master_key.h"
#include "evidence/entropy.h"

static uint64_t master[4];

void master_key_init(void)
{
	page_cipher_init();
	entropy_bytes(master, sizeof(master));
}

void master_key_derive(uint8_t out[DERIVED_KEY_SIZE], uint32_t purpose, uint64_t number)
{
	const uint32_t nonce[3] = {purpose, (uint32_t)number, (uint32_t)(number >> 32)};

	key_derive(out, master[0], master[1], master[2], master[3], nonce);
}
