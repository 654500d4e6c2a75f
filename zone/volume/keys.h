/* SPDX-License-Identifier: Apache-2.0 */
/* From the key that the Core gives to this zone for a volume: all that the volume needs. */
#ifndef CLOISTER_VOLUME_KEYS_H
#define CLOISTER_VOLUME_KEYS_H

#include <stdint.h>
#include <cloister/call.h>

#define VOLUME_KEY_SIZE 96u /* two AES-256 keys of XTS, one of HMAC-SHA256 */
#define COUNTER_AUTH	32u
#define COUNTER_BASE	0x01800000u /* indices of the TPM's owner (TCG registry of handles) */
#define COUNTER_MASK	0x003fffffu
#define VOLUME_NAME_MAX 32u

struct volume_keys {
	uint8_t volume[VOLUME_KEY_SIZE];
	uint8_t auth[COUNTER_AUTH]; /* the counter's auth value */
	uint32_t index;		    /* the counter's NV index */
};

/* What CL_OP_SEAL_KEY is to be asked for. 0 or -EIO. */
int keys_context(const char *name, uint8_t context[CL_SEAL_CONTEXT]);

/* 0 or -EIO. */
int keys_derive(const uint8_t secret[CL_SEAL_KEY_SIZE], struct volume_keys *keys);

#endif
