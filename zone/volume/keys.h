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
#define UUID_LENGTH	36u

struct volume_keys {
	uint8_t disks[CL_SEAL_KEY_SIZE]; /* what each disk's key is made from */
	uint8_t auth[COUNTER_AUTH];	 /* the counter's auth value */
	uint32_t index;			 /* the counter's NV index */
};

/* What CL_OP_SEAL_KEY is to be asked for. 0 or -EIO. */
int keys_context(const char *name, uint8_t context[CL_SEAL_CONTEXT]);

/* 0 or -EIO. */
int keys_derive(const uint8_t secret[CL_SEAL_KEY_SIZE], struct volume_keys *keys);

/*
 * The key of the disk with this UUID. Each new volume draws one, so that no block of one that was
 * there before is believed in it. The UUID itself is the host's to change: then it is another key.
 * 0, -EINVAL (it is none), or -EIO.
 */
int keys_disk(const struct volume_keys *keys, const char *uuid, uint8_t key[VOLUME_KEY_SIZE]);

/* A new UUID (RFC 4122, version 4). 0 or -EIO. */
int keys_new_uuid(char uuid[UUID_LENGTH + 1]);

#endif
