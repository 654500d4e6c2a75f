/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encrypted device. Its header lies on the host's disk: it says how to open the device, and
 * whoever can write there could say "with no cipher". So it is believed in nothing: what it says
 * must be exactly what this program would have written, and what the kernel then runs is looked at
 * once more.
 */
#ifndef CLOISTER_VOLUME_LUKS_H
#define CLOISTER_VOLUME_LUKS_H

#include <stdint.h>
#include "keys.h"

#define LUKS_NAME "volume"
#define LUKS_PATH "/dev/mapper/" LUKS_NAME

/* What a header says of the ways in which one can be made to weaken its device. */
struct luks_header {
	char type[16];
	char cipher[32];
	char mode[32];
	char integrity[32];
	uint32_t tag_size;
	uint32_t sector_size;
	uint64_t data_offset; /* sectors of 512 bytes */
	uint64_t iv_offset;
	uint32_t flags;	       /* how to activate it */
	uint32_t requirements; /* re-encryption and the like */
	uint32_t keyslots;
	uint32_t tokens;
	uint32_t has_data_device; /* the data is said to be somewhere else */
};

/* NULL, or what is wrong. */
const char *luks_header_check(const struct luks_header *h);

/*
 * Is this line of the kernel's the table of the encrypted device, over device `below`
 * ("MAJOR:MINOR")? As DM_TABLE_STATUS gives it: type and parameters.
 */
int luks_table_check(const char *type, const char *parameters, const uint8_t key[VOLUME_KEY_SIZE],
		     const char *below);

/* How sectors and their tags are written: both at once, or, for a device with nothing on it, fast.
 */
enum luks_mode { LUKS_JOURNAL = 'J', LUKS_DIRECT = 'D' };

/*
 * All: 0, or negative errno with *why. Formatting draws a UUID and leaves the device closed.
 * Opening refuses a header with another than this UUID: what was formatted, not what the host has
 * put there since, which has the key of its own UUID. NULL: any, for a volume that was there
 * before.
 */
int luks_format(const char *disk, const struct volume_keys *keys, char uuid[UUID_LENGTH + 1],
		const char **why);
int luks_open(const char *disk, const struct volume_keys *keys, const char *uuid,
	      enum luks_mode mode, const char **why);
int luks_close(void);

#endif
