// SPDX-License-Identifier: Apache-2.0
// A debug build of the Core gives no keys, whatever the TPM gave it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <cloister/call.h>
#include "cpu/master_key.h"
#include "evidence/entropy.h"
#include "evidence/root.h"

static void no_keys(void **state)
{
	static const uint8_t secret[ROOT_SIZE] = {1}, point[32], digest[CL_DIGEST_SIZE];
	struct cl_seal_key k = {.context = {1}}, before = k;

	assert_int_equal(entropy_init(), 0);
	master_key_init();
	root_keep(secret, point, point);
	root_vouched();
	assert_string_equal(root_name(), "tpm");
	assert_false(root_seals());
	assert_int_equal(root_zone_key(digest, &k), -CL_EPERM);
	assert_memory_equal(&k, &before, sizeof(k));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
