// SPDX-License-Identifier: Apache-2.0
// Decisions only: nothing here touches a disk or a TPM.
#include <errno.h>
#include <string.h>
#include "generation.h"

static const char magic[16] = "cloister volume";

#define VERSION	       1u
#define OFFSET_VERSION 16u
#define OFFSET_V       24u

static enum plan refuse(const char **why, const char *text)
{
	*why = text;
	return PLAN_REFUSE;
}

static enum plan with_counter(enum disk_state disk, uint64_t v, uint64_t c, const char **why)
{
	if (disk == DISK_BLANK)
		return refuse(why, "rolled back: the file is empty, but this volume has been used; "
				   "bring back the newest file");
	if (disk == DISK_UNFINISHED)
		return refuse(why, "what is in the file is not this image's volume, or is damaged; "
				   "bring back the newest file");
	// c + 1 cannot wrap: a counter that is raised a million times a second takes longer.
	if (v == c || v == c + 1)
		return PLAN_OPEN;
	if (v < c)
		return refuse(why, "rolled back: the file is an older copy of the volume; bring "
				   "back the newest file");
	return refuse(why, "the TPM's counter is behind the volume: it is another TPM's, or was "
			   "made anew");
}

enum plan generation_plan(enum disk_state disk, uint64_t v, enum counter_state counter, uint64_t c,
			  const char **why)
{
	*why = NULL;
	if (counter == COUNTER_SET)
		return with_counter(disk, v, c, why);
	if (disk == DISK_VOLUME)
		return refuse(why, counter == COUNTER_NEW
					   ? "the TPM's counter was made anew since the volume was "
					     "used; whether the file is the newest cannot be told"
					   : "the TPM has no counter of this volume (was it "
					     "cleared, or is this another machine?); whether the "
					     "file is the newest cannot be told");
	// Nothing was ever stored under a counter that was never raised. Without one, what is in
	// the file may be anybody's.
	if (disk == DISK_UNFINISHED && counter == COUNTER_NONE)
		return refuse(why, "the file is not empty, and not this image's volume; give an "
				   "empty file");
	return PLAN_CREATE;
}

void generation_encode(uint64_t v, uint8_t block[GENERATION_SIZE])
{
	memset(block, 0, GENERATION_SIZE);
	memcpy(block, magic, sizeof(magic));
	block[OFFSET_VERSION] = VERSION;
	for (unsigned i = 0; i < 8; i++)
		block[OFFSET_V + i] = (uint8_t)(v >> 8 * i);
}

int generation_decode(const uint8_t block[GENERATION_SIZE], uint64_t *v)
{
	uint8_t expected[GENERATION_SIZE];
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++)
		value |= (uint64_t)block[OFFSET_V + i] << 8 * i;
	generation_encode(value, expected);
	if (value == 0 || memcmp(block, expected, sizeof(expected)) != 0)
		return -EINVAL;
	*v = value;
	return 0;
}
