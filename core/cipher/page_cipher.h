/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page cipher: AES-256-GCM (NIST SP 800-38D) over one 4 KiB page, in place.
 *
 *   nonce  96 bits: guest page number, 32 bits, then version, 64 bits, both big-endian
 *   AAD    empty
 *   tag    128 bits
 *
 * A (page number, version) pair must never be sealed twice under one key: the caller counts
 * versions up and never restarts them.
 *
 * The caller owns the page: nothing else may write it during a call. It has saved the vector
 * state of whoever ran before, and runs with an XCR0 that has every bit that page_cipher_init()
 * saw. On return the vector registers hold zeros instead of keys and plaintext.
 */
#ifndef CLOISTER_PAGE_CIPHER_H
#define CLOISTER_PAGE_CIPHER_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_CIPHER_KEY_SIZE 32
#define PAGE_CIPHER_TAG_SIZE 16

/* Opaque; see page_cipher_internal.h. Filled for the path in use when it was set up. */
#define PAGE_KEY_SIZE 1408
struct page_key {
	uint8_t bytes[PAGE_KEY_SIZE];
} __attribute__((aligned(64)));

/* Chooses the fastest path that this CPU and XCR0 allow. Call once, before all else. */
void page_cipher_init(void);

/* "scalar", "aesni", "vaes256" or "vaes512". */
const char *page_cipher_name(void);

/*
 * For tests and benchmarks: use this path from now on. Keys must be set up again afterwards.
 * False, and nothing changes, if there is no such path or the CPU lacks it.
 */
bool page_cipher_select(const char *name);

/*
 * Derive a key from a master and a nonce, as AES-256-GCM-SIV does (RFC 8452, section 4): from each
 * of four blocks counter ‖ nonce, encrypted under the master, the first half. The master comes in
 * registers and, with AES-NI, stays there: neither it nor its key schedule is written to memory.
 * to: PAGE_CIPHER_KEY_SIZE bytes; n: the nonce, 96 bits.
 */
void key_derive(uint8_t *to, uint64_t m0, uint64_t m1, uint64_t m2, uint64_t m3, const uint32_t *n);

void page_key_setup(struct page_key *k, const uint8_t key[PAGE_CIPHER_KEY_SIZE]);
void page_key_wipe(struct page_key *k);

/*
 * A page number that needs more than 32 bits would repeat another page's nonce; it stops the
 * machine (#UD) rather than encrypt.
 */
void page_seal(const struct page_key *k, uint64_t gpn, uint64_t version, void *page,
	       uint8_t tag[PAGE_CIPHER_TAG_SIZE]);

/*
 * 0, or -CL_EIO if page, page number, version, key and tag do not belong together; then the page
 * is all zeros. The tag is compared in constant time.
 */
int page_open(const struct page_key *k, uint64_t gpn, uint64_t version, void *page,
	      const uint8_t tag[PAGE_CIPHER_TAG_SIZE]);

#endif
