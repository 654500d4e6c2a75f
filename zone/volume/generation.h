/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the volume the newest that there was? The generation V stands inside the encrypted device,
 * behind its file system; the counter C in the TPM. Each opening makes both greater by one, V first
 * and flushed, so V is C, or C + 1 if that was interrupted; so does a clean close. Anything else is
 * an older copy.
 */
#ifndef CLOISTER_VOLUME_GENERATION_H
#define CLOISTER_VOLUME_GENERATION_H

#include <stdint.h>

#define GENERATION_SIZE 512u

enum disk_state {
	DISK_BLANK,	 /* zeros, where a header would be */
	DISK_UNFINISHED, /* anything that is no volume of this zone's with a generation */
	DISK_VOLUME,
};

enum counter_state {
	COUNTER_NONE,
	COUNTER_NEW, /* defined, never raised: an interrupted first start */
	COUNTER_SET,
};

enum plan { PLAN_REFUSE, PLAN_CREATE, PLAN_OPEN };

/* What is to be done; *why says why a volume is refused. */
enum plan generation_plan(enum disk_state disk, uint64_t v, enum counter_state counter, uint64_t c,
			  const char **why);

void generation_encode(uint64_t v, uint8_t block[GENERATION_SIZE]);
/* 0, or -EINVAL for what is no generation. */
int generation_decode(const uint8_t block[GENERATION_SIZE], uint64_t *v);

#endif
