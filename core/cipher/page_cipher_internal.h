/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the page cipher: what a path is, and the key layout of each family of paths. Also the
 * building blocks that the unit tests hold against published vectors.
 */
#ifndef CLOISTER_PAGE_CIPHER_INTERNAL_H
#define CLOISTER_PAGE_CIPHER_INTERNAL_H

#include "cipher/page_cipher.h"
#include <bearssl/bearssl_block.h>

#define PAGE_BYTES  4096u
#define BLOCK_BYTES 16u
#define PAGE_BLOCKS (PAGE_BYTES / BLOCK_BYTES)
#define NONCE_BYTES 12u
#define AES_ROUNDS  14u

/*
 * The widest path hashes 32 blocks between two reductions and needs H^33 for the first of the
 * last 32. 36 keeps what it loads most, from H^32 on, on a cache line's boundary.
 */
#define GHASH_POWERS 36u

/* RFC 8452, section 4: the encryption key comes from counters 2 to 5. */
#define DERIVE_FIRST  2u
#define DERIVE_BLOCKS 4u

struct scalar_key {
	br_aes_ct64_ctr_keys aes;
	uint8_t h[BLOCK_BYTES]; /* the hash subkey E(K, 0) */
};

/* Shared by the vector paths. */
struct vector_key {
	uint8_t round[AES_ROUNDS + 1][BLOCK_BYTES];
	/* power[i] = H^(36-i), so that vectors of any width load theirs in the order of the data;
	 * in the form that gcm_vector.h explains. fold[i]: its two halves added, twice. */
	uint8_t power[GHASH_POWERS][BLOCK_BYTES] __attribute__((aligned(64)));
	uint8_t fold[GHASH_POWERS][BLOCK_BYTES] __attribute__((aligned(64)));
};

_Static_assert(sizeof(struct scalar_key) <= PAGE_KEY_SIZE, "scalar key fits");
_Static_assert(sizeof(struct vector_key) <= PAGE_KEY_SIZE, "vector key fits");
_Static_assert(sizeof(struct page_key) <= PAGE_BYTES / 2, "a key fits in a page");

/* One way to do the work, for one kind of CPU. */
struct page_path {
	const char *name;
	unsigned needs; /* CPU_* bits */
	void (*setup)(struct page_key *k, const uint8_t key[PAGE_CIPHER_KEY_SIZE]);
	/* key_derive() */
	void (*derive)(uint8_t *out, uint64_t m0, uint64_t m1, uint64_t m2, uint64_t m3,
		       const uint32_t *nonce);
	/* Seals or opens, and writes the tag that belongs to the ciphertext. j0: nonce ‖ 1. */
	void (*run)(const struct page_key *k, const uint8_t j0[BLOCK_BYTES], uint8_t *page,
		    uint8_t tag[BLOCK_BYTES], bool seal);
};

#define CPU_AESNI  0x1u /* AES-NI, PCLMULQDQ, SSSE3 */
#define CPU_VAES   0x2u /* AVX2, VAES, VPCLMULQDQ, YMM state enabled */
#define CPU_AVX512 0x4u /* AVX-512 F, BW, VL, ZMM and mask state enabled */

extern const struct page_path page_path_scalar, page_path_aesni, page_path_vaes256,
	page_path_vaes512;

/* The same for all vector paths, but for the number of powers of H that they use. */
void vector_setup(struct page_key *k, const uint8_t key[PAGE_CIPHER_KEY_SIZE], size_t powers);
void vector_derive(uint8_t *out, uint64_t m0, uint64_t m1, uint64_t m2, uint64_t m3,
		   const uint32_t *nonce);
/* block = E(K, block) */
void vector_encrypt_block(const struct vector_key *k, uint8_t block[BLOCK_BYTES]);
/* y = (y ^ block) * H, one step of GHASH; y and block as in memory. */
void vector_ghash_block(const struct vector_key *k, uint8_t y[BLOCK_BYTES],
			const uint8_t block[BLOCK_BYTES]);

#endif
