/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A canary is a random byte string that was given to someone to keep secret. This finds every
 * place where a fragment of it, taken at any offset, stands in memory, at any offset.
 *
 * A searcher that runs inside the machine under search would find itself. So the canary is kept
 * as two shares, each random on its own: canary = a XOR b. It is never put together, neither in
 * the program nor in its file.
 */
#ifndef SEARCH_CANARY_H
#define SEARCH_CANARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "feed.h"

#define CANARY_FRAGMENT 32u	    /* bytes that count as a hit */
#define KEY_FRAGMENT	16u	    /* the same, for raw keys */
#define CANARY_MAX	(64u << 20) /* bytes */
#define CANARY_MAGIC	"CLSHARE1"  /* file of shares: magic, length (LE64), a, b */

struct canary_slot {
	uint32_t tag;
	uint32_t offset1; /* offset + 1; 0 = empty */
};

struct canary {
	size_t len;
	size_t fragment; /* least run of bytes that counts */
	unsigned int stride;
	unsigned int filter_bits, slot_bits;
	uint8_t *a, *b;
	uint64_t *filter; /* may this 8-byte word be in the canary? */
	struct canary_slot *slots;
};

/*
 * Make a canary of raw bytes or of a file (raw, or shares). Refused with -EDOM if it is not
 * random enough to be told from other memory: all its 8-byte words, at every offset, must differ,
 * and no byte value may prevail.
 */
int canary_init(struct canary *c, const uint8_t *raw, size_t len, size_t fragment);
int canary_load(struct canary *c, const char *path, size_t fragment);
/* Write the shares to a file. */
int canary_save(const struct canary *c, const char *path);
void canary_free(struct canary *c);

/*
 * A run is a longest row of bytes in memory equal to a row of bytes in the canary. Because the
 * canary's words differ, a byte belongs to one run only, but for up to 7 bytes where two meet.
 * Runs come in ascending order.
 */
typedef void run_fn(void *arg, uint64_t addr, uint64_t len);

struct canary_scan {
	const struct canary *c;
	run_fn *run;
	void *arg;
	uint64_t next;	     /* address of the next probe */
	bool open;	     /* a run goes on at */
	uint64_t start, end; /* memory [start, end), and */
	size_t offset;	     /* this offset of the canary */
};

void canary_scan_init(struct canary_scan *s, const struct canary *c, run_fn *run, void *arg);
scan_fn canary_scan; /* arg is the struct canary_scan */

#endif
