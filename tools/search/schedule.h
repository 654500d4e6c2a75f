/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding expanded AES keys in memory (FIPS 197, section 5.2): AES-128 and AES-256, encryption
 * order, all round keys, exact, at any byte offset. As "Lest We Remember" (Halderman et al.,
 * 2008) does for cold memory, but without bit errors: what is read here has not decayed.
 *
 * Layouts that are found:
 *   - round keys one after the other, bytes in FIPS order: AES-NI code, Linux, OpenSSL's assembly;
 *   - the same with each 32-bit word byte-swapped: portable C code that keeps words in host order;
 *   - each round key 2 or 4 times over: vector code that broadcasts to 256 or 512 bits.
 *
 * What is not found: bit-sliced schedules (BearSSL's aes_ct and aes_ct64, OpenSSL's bsaes/vpaes
 * forms), schedules that exist only in registers or are made on the fly, decryption-only
 * schedules (InvMixColumns applied), AES-192, and a schedule cut by a border between frames that
 * do not adjoin.
 */
#ifndef SEARCH_SCHEDULE_H
#define SEARCH_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "feed.h"

#define AES_SCHEDULE_MAX 240u /* AES-256: 15 round keys */

/* Expand a key of nk 32-bit words, 4 or 8; returns the bytes written. */
size_t aes_expand(const uint8_t *key, unsigned int nk, uint8_t out[AES_SCHEDULE_MAX]);

struct schedule {
	uint64_t addr;
	unsigned int bits;   /* 128 or 256 */
	unsigned int copies; /* of each round key: 1, 2, 4 */
	bool swapped;
	uint8_t key[32];
};

struct schedule_scan {
	uint64_t next;	   /* address from which to look for single round keys */
	uint64_t next_rep; /* … and for repeated ones */
	size_t nr, room;
	struct schedule *found;
	int error; /* -ENOMEM: some were lost */
};

void schedule_scan_init(struct schedule_scan *s);
void schedule_scan_free(struct schedule_scan *s);
scan_fn schedule_scan; /* arg is the struct schedule_scan */
/* How many different keys there are among those found. */
size_t schedule_distinct(const struct schedule_scan *s);

#endif
