// SPDX-License-Identifier: Apache-2.0
// libcryptsetup, without key slots: the key comes from the Core. One handle reads the header,
// checks it and opens the device, so a host that changes the disk in between changes nothing.
#include <errno.h>
#include <libcryptsetup.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "luks.h"
#include "luks_format.h"
#include "table.h"

#define INTEGRITY_NAME LUKS_NAME "_dif" // libcryptsetup's, below LUKS_NAME
#define SLOTS_MAX      32
#define TOKENS_MAX     32

static void wipe_key(uint8_t (*key)[VOLUME_KEY_SIZE])
{
	explicit_bzero(*key, sizeof(*key));
}

static void free_device(struct crypt_device **cd)
{
	crypt_free(*cd);
}

// Its messages would name what is on the disk; *why says what people need.
static void no_log(int level, const char *message, void *context)
{
}

static int init_device(struct crypt_device **cd, const char *disk)
{
	// There is no udev here, and no other user of the library.
	setenv("DM_DISABLE_UDEV", "1", 1);
	crypt_set_log_callback(NULL, no_log, NULL);
	int rc = crypt_init(cd, disk);
	if (!rc)
		rc = crypt_metadata_locking(*cd, 0);
	if (!rc)
		rc = crypt_volume_key_keyring(*cd, 0);
	if (!rc)
		crypt_set_log_callback(*cd, no_log, NULL);
	return rc;
}

int luks_format(const char *disk, const struct volume_keys *keys, char uuid[UUID_LENGTH + 1],
		const char **why)
{
	__attribute__((cleanup(wipe_key))) uint8_t key[VOLUME_KEY_SIZE];
	__attribute__((cleanup(free_device))) struct crypt_device *cd = NULL;
	struct crypt_params_integrity integrity = {0};
	struct crypt_params_luks2 luks2 = {
		.integrity = FORMAT_INTEGRITY,
		.integrity_params = &integrity,
		.sector_size = FORMAT_SECTOR,
	};

	*why = "the disk cannot be formatted";
	int rc = keys_new_uuid(uuid);
	if (!rc)
		rc = keys_disk(keys, uuid, key);
	if (!rc)
		rc = init_device(&cd, disk);
	if (!rc)
		rc = crypt_set_data_offset(cd, FORMAT_OFFSET);
	return rc ? rc
		  : crypt_format(cd, CRYPT_LUKS2, FORMAT_CIPHER, FORMAT_MODE, uuid,
				 (const char *)key, VOLUME_KEY_SIZE, &luks2);
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

// 0, or a negative errno where a property cannot be read.
static int read_header(struct crypt_device *cd, const char *disk, struct luks_header *h)
{
	struct crypt_params_integrity integrity = {0};
	const char *data = crypt_get_device_name(cd);

	*h = (struct luks_header){0};
	copy(h->type, sizeof(h->type), crypt_get_type(cd));
	copy(h->cipher, sizeof(h->cipher), crypt_get_cipher(cd));
	copy(h->mode, sizeof(h->mode), crypt_get_cipher_mode(cd));
	h->sector_size = (uint32_t)crypt_get_sector_size(cd);
	h->data_offset = crypt_get_data_offset(cd);
	h->iv_offset = crypt_get_iv_offset(cd);
	h->has_data_device = !data || strcmp(data, disk) != 0;
	int rc = crypt_get_integrity_info(cd, &integrity);
	if (!rc)
		copy(h->integrity, sizeof(h->integrity), integrity.integrity);
	h->tag_size = integrity.tag_size;
	if (!rc)
		rc = crypt_persistent_flags_get(cd, CRYPT_FLAGS_ACTIVATION, &h->flags);
	if (!rc)
		rc = crypt_persistent_flags_get(cd, CRYPT_FLAGS_REQUIREMENTS, &h->requirements);
	for (int i = 0; i < SLOTS_MAX; i++)
		h->keyslots += crypt_keyslot_status(cd, i) != CRYPT_SLOT_INACTIVE;
	for (int i = 0; i < TOKENS_MAX; i++)
		h->tokens += crypt_token_status(cd, i, NULL) != CRYPT_TOKEN_INACTIVE;
	return rc;
}

// What the kernel runs, whatever the library made of the header.
static int check_tables(const uint8_t key[VOLUME_KEY_SIZE], enum luks_mode mode)
{
	struct table crypt = {0};
	struct table integrity = {0};
	char below[32];
	char prefix[48];

	int rc = table_read(LUKS_NAME, &crypt);
	if (!rc)
		rc = table_read(INTEGRITY_NAME, &integrity);
	if (rc)
		return rc;
	snprintf(below, sizeof(below), "%u:%u", major(integrity.device), minor(integrity.device));
	rc = luks_table_check(crypt.type, crypt.parameters, key, below) ? 0 : -EKEYREJECTED;
	explicit_bzero(&crypt, sizeof(crypt));
	// "DEVICE OFFSET TAG MODE …"
	const char *rest = strchr(integrity.parameters, ' ');
	snprintf(prefix, sizeof(prefix), " %u %u %c ", FORMAT_OFFSET, FORMAT_TAG, (char)mode);
	if (strcmp(integrity.type, "integrity") != 0 || !rest ||
	    strncmp(rest, prefix, strlen(prefix)) != 0)
		rc = -EKEYREJECTED;
	return rc;
}

int luks_open(const char *disk, const struct volume_keys *keys, const char *uuid,
	      enum luks_mode mode, const char **why)
{
	__attribute__((cleanup(wipe_key))) uint8_t key[VOLUME_KEY_SIZE];
	__attribute__((cleanup(free_device))) struct crypt_device *cd = NULL;
	struct luks_header header;

	*why = "the disk has no LUKS2 header";
	int rc = init_device(&cd, disk);
	if (!rc)
		rc = crypt_load(cd, CRYPT_LUKS2, NULL);
	const char *found = rc ? NULL : crypt_get_uuid(cd);
	if (found && uuid && strcmp(found, uuid) != 0) {
		*why = "the header was changed since it was written";
		return -EKEYREJECTED;
	}
	if (!rc) {
		*why = "the header on the disk cannot be read";
		rc = read_header(cd, disk, &header);
	}
	if (rc)
		return rc;
	*why = luks_header_check(&header);
	if (*why)
		return -EKEYREJECTED;
	*why = "the header's UUID is none";
	rc = found ? keys_disk(keys, found, key) : -EINVAL;
	if (rc)
		return rc;
	*why = "the volume is not this image's (another launch digest or another machine has "
	       "another key)";
	rc = crypt_activate_by_volume_key(cd, LUKS_NAME, (const char *)key, VOLUME_KEY_SIZE,
					  mode == LUKS_DIRECT ? CRYPT_ACTIVATE_NO_JOURNAL : 0);
	if (rc)
		return rc;
	*why = "the kernel's table is not what the volume's header said";
	rc = check_tables(key, mode);
	if (rc)
		crypt_deactivate(cd, LUKS_NAME);
	else
		*why = NULL;
	return rc;
}

int luks_close(void)
{
	__attribute__((cleanup(free_device))) struct crypt_device *cd = NULL;

	setenv("DM_DISABLE_UDEV", "1", 1);
	crypt_set_log_callback(NULL, no_log, NULL);
	int rc = crypt_init_by_name(&cd, LUKS_NAME);
	return rc ? rc : crypt_deactivate(cd, LUKS_NAME);
}
