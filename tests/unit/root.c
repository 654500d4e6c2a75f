// SPDX-License-Identifier: Apache-2.0
// The sealing root: zones' keys as OpenSSL derives them, and where the root is not.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <cloister/call.h>
#include "cpu/master_key.h"
#include "evidence/entropy.h"
#include "evidence/root.h"

static uint8_t secret[ROOT_SIZE], x[32], y[32], digest[CL_DIGEST_SIZE];

static int setup(void **state)
{
	RAND_bytes(secret, sizeof(secret));
	RAND_bytes(x, sizeof(x));
	RAND_bytes(y, sizeof(y));
	RAND_bytes(digest, sizeof(digest));
	root_wipe();
	if (entropy_init())
		return -1;
	master_key_init();
	return 0;
}

/* include/cloister/call.h and docs/architecture.md: what outlives a boot must never change. */
static void openssl_key(uint8_t key[32], const uint8_t context[32])
{
	static const char label[] = "cloister zone key 1";
	uint8_t info[19 + 48 + 32];
	char hash[] = "SHA256";
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

	memcpy(info, label, 19);
	memcpy(info + 19, digest, 48);
	memcpy(info + 67, context, 32);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, sizeof(secret)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof(info)),
		OSSL_PARAM_construct_end(),
	};
	assert_int_equal(EVP_KDF_derive(ctx, key, 32, params), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static void zone_keys(void **state)
{
	struct cl_seal_key k = {0}, other = {0};
	uint8_t want[32];

	root_keep(secret, x, y);
	root_vouched();
	assert_true(root_seals());
	for (unsigned i = 0; i < 8; i++) {
		RAND_bytes(k.context, sizeof(k.context));
		assert_int_equal(root_zone_key(digest, &k), 0);
		openssl_key(want, k.context);
		assert_memory_equal(k.key, want, 32);
		assert_memory_equal(k.srk_x, x, 32);
		assert_memory_equal(k.srk_y, y, 32);
		/* another zone, another use: another key */
		memcpy(other.context, k.context, 32);
		digest[i] ^= 1;
		assert_int_equal(root_zone_key(digest, &other), 0);
		assert_memory_not_equal(other.key, k.key, 32);
		digest[i] ^= 1;
		other.context[31 - i] ^= 0x80;
		assert_int_equal(root_zone_key(digest, &other), 0);
		assert_memory_not_equal(other.key, k.key, 32);
	}
}

/* Only a root that the TPM gave, and that the door was closed behind. */
static void none_without_both(void **state)
{
	struct cl_seal_key k = {.context = {1}}, before = k;

	assert_string_equal(root_name(), "none");
	assert_int_equal(root_zone_key(digest, &k), -CL_ENOENT);
	root_keep(secret, x, y);
	assert_string_equal(root_name(), "none");
	assert_false(root_seals());
	assert_int_equal(root_zone_key(digest, &k), -CL_ENOENT);
	root_wipe();
	root_vouched();
	assert_string_equal(root_name(), "tpm");
	assert_false(root_seals());
	assert_int_equal(root_zone_key(digest, &k), -CL_ENOENT);
	assert_memory_equal(&k, &before, sizeof(k));
	root_keep(secret, x, y);
	root_wipe();
	assert_string_equal(root_name(), "none");
	assert_int_equal(root_zone_key(digest, &k), -CL_ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(zone_keys, setup),
		cmocka_unit_test_setup(none_without_both, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
