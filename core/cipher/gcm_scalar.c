// SPDX-License-Identifier: Apache-2.0
/*
 * The page cipher for a CPU without AES-NI: BearSSL's constant-time AES (bit-sliced) and GHASH
 * (integer multiplications), by its documented interface.
 */
#include "cipher/page_cipher_internal.h"
#include <bearssl/bearssl_block.h>
#include <bearssl/bearssl_hash.h>

/* BearSSL leaves its unpacked key schedule and blocks on the stack below its callers. */
#define STACK_USED 3072

__attribute__((noinline)) static void wipe_stack(void)
{
	uint8_t below[STACK_USED];

	__builtin_memset(below, 0, sizeof(below));
	__asm__ volatile("" ::"r"(below) : "memory");
}

static void setup_scalar(struct page_key *page_key, const uint8_t key[PAGE_CIPHER_KEY_SIZE])
{
	static const uint8_t zero_iv[NONCE_BYTES];
	struct scalar_key *k = (struct scalar_key *)page_key;

	/* H = E(K, 0): the block whose nonce and counter are zero. */
	br_aes_ct64_ctr_init(&k->aes, key, PAGE_CIPHER_KEY_SIZE);
	__builtin_memset(k->h, 0, sizeof(k->h));
	br_aes_ct64_ctr_run(&k->aes, zero_iv, 0, k->h, sizeof(k->h));
	wipe_stack();
}

static void derive_scalar(uint8_t *out, uint64_t m0, uint64_t m1, uint64_t m2, uint64_t m3,
			  const uint32_t *nonce)
{
	struct {
		uint64_t master[4];
		br_aes_ct64_cbcenc_keys aes;
		uint32_t block[4], iv[4];
	} s = {.master = {m0, m1, m2, m3}};

	br_aes_ct64_cbcenc_init(&s.aes, s.master, sizeof(s.master));
	for (uint32_t i = 0; i < DERIVE_BLOCKS; i++) {
		s.block[0] = DERIVE_FIRST + i;
		__builtin_memcpy(s.block + 1, nonce, NONCE_BYTES);
		__builtin_memset(s.iv, 0, sizeof(s.iv));
		br_aes_ct64_cbcenc_run(&s.aes, s.iv, s.block, sizeof(s.block));
		__builtin_memcpy(out + i * BLOCK_BYTES / 2, s.block, BLOCK_BYTES / 2);
	}
	__builtin_memset(&s, 0, sizeof(s));
	__asm__ volatile("" ::"r"(&s) : "memory");
	wipe_stack();
}

static void run_scalar(const struct page_key *page_key, const uint8_t j0[BLOCK_BYTES],
		       uint8_t *page, uint8_t tag[BLOCK_BYTES], bool seal)
{
	/* 64-bit lengths of AAD and ciphertext in bits, big-endian (SP 800-38D, section 7.1). */
	static const uint8_t lengths[BLOCK_BYTES] = {[14] = PAGE_BYTES * 8 >> 8};
	const struct scalar_key *k = (const struct scalar_key *)page_key;

	__builtin_memset(tag, 0, BLOCK_BYTES);
	if (seal)
		br_aes_ct64_ctr_run(&k->aes, j0, 2, page, PAGE_BYTES);
	br_ghash_ctmul64(tag, k->h, page, PAGE_BYTES);
	br_ghash_ctmul64(tag, k->h, lengths, sizeof(lengths));
	if (!seal)
		br_aes_ct64_ctr_run(&k->aes, j0, 2, page, PAGE_BYTES);
	br_aes_ct64_ctr_run(&k->aes, j0, 1, tag, BLOCK_BYTES);
	wipe_stack();
}

const struct page_path page_path_scalar = {
	.name = "scalar",
	.setup = setup_scalar,
	.derive = derive_scalar,
	.run = run_scalar,
};
