// SPDX-License-Identifier: Apache-2.0
// A volume's header on a file: as far as libcryptsetup goes without the kernel's device mapper.
#include <errno.h>
#include <libcryptsetup.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "luks.h"

#define DISK_BYTES (64 << 20)

static char disk[] = "/tmp/cloister-disk-XXXXXX";
static struct volume_keys keys;

static int setup(void **state)
{
	uint8_t secret[CL_SEAL_KEY_SIZE] = {1};
	int fd = mkstemp(disk);

	if (fd < 0 || ftruncate(fd, DISK_BYTES))
		return -1;
	close(fd);
	return keys_derive(secret, &keys);
}

static int teardown(void **state)
{
	return unlink(disk);
}

/* Another cipher: to format with integrity takes the device mapper. */
static void format(const char *uuid)
{
	uint8_t key[VOLUME_KEY_SIZE] = {1};
	struct crypt_device *cd;

	assert_int_equal(crypt_init(&cd, disk), 0);
	assert_int_equal(crypt_format(cd, CRYPT_LUKS2, "aes", "xts-plain64", uuid,
				      (const char *)key, 64, NULL),
			 0);
	crypt_free(cd);
}

/*
 * The host gives an older volume's header back while a new one is being made: it would be made with
 * the old one's key, and its old blocks be believed.
 */
static void header_put_back(void **state)
{
	char old[UUID_LENGTH + 1], new[UUID_LENGTH + 1];
	const char *why;

	assert_int_equal(keys_new_uuid(old), 0);
	assert_int_equal(keys_new_uuid(new), 0);
	format(old);
	assert_int_equal(luks_open(disk, &keys, new, LUKS_DIRECT, &why), -EKEYREJECTED);
	assert_string_equal(why, "the header was changed since it was written");
	/* The one that was written, or any, comes to what else is wrong with it. */
	assert_int_equal(luks_open(disk, &keys, old, LUKS_DIRECT, &why), -EKEYREJECTED);
	assert_string_equal(why, "it names another cipher");
	assert_int_equal(luks_open(disk, &keys, NULL, LUKS_JOURNAL, &why), -EKEYREJECTED);
	assert_string_equal(why, "it names another cipher");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(header_put_back, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
