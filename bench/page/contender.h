/* SPDX-License-Identifier: Apache-2.0 */
/* One way to seal and open a page in place, as the benchmark sees it. */
#ifndef CLOISTER_BENCH_CONTENDER_H
#define CLOISTER_BENCH_CONTENDER_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_PAGE	 4096u
#define BENCH_KEY_SIZE	 32u
#define BENCH_TAG_SIZE	 16u
#define BENCH_NONCE_SIZE 12u

struct contender {
	const char *name;
	/* True if this machine can do it. */
	bool (*start)(const uint8_t key[BENCH_KEY_SIZE]);
	void (*seal)(uint32_t gpn, uint64_t version, uint8_t *page, uint8_t *tag);
	/* False if the tag is wrong. */
	bool (*open)(uint32_t gpn, uint64_t version, uint8_t *page, const uint8_t *tag);
};

/* The packaged libraries, OpenSSL first; ends with a null name. */
extern const struct contender libraries[];

#endif
