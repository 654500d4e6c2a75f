// SPDX-License-Identifier: Apache-2.0
// Keys, digests and reports as the Core makes them, against published vectors and OpenSSL.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cbor.h>
#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <cloister/call.h>
#include <cloister/report.h>
#include "cpu/master_key.h"
#include "evidence/entropy.h"
#include "evidence/measure.h"
#include "evidence/report.h"
#include "evidence/report_key.h"

static void unhex(uint8_t *out, const char *hex)
{
	for (; *hex; hex += 2)
		sscanf(hex, "%2hhx", out++);
}

static void expect_digest(const char *text, const char *hex)
{
	uint8_t want[CL_DIGEST_SIZE], got[CL_DIGEST_SIZE];
	struct measure m;

	unhex(want, hex);
	measure_begin(&m);
	measure_update(&m, text, strlen(text));
	measure_end(&m, got);
	assert_memory_equal(got, want, sizeof(want));
}

/* NIST's examples for SHA-384 (FIPS 180-4). */
static void measure_fips180(void **state)
{
	char *million = malloc(1000001);

	expect_digest("", "38b060a751ac96384cd9327eb1b1e36a21fdb71114be0743"
			  "4c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b");
	expect_digest("abc", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163"
			     "1a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
	expect_digest("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
		      "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		      "09330c33f71147e83d192fc782cd1b4753111b173b3b05d2"
		      "2fa08086e3b0f712fcc7c71a557e2db966c3e9fa91746039");
	memset(million, 'a', 1000000);
	million[1000000] = '\0';
	expect_digest(million, "9d0e1809716474cb086e834e310a4a1ced149e9c00f24852"
			       "7972cec5704c2a5b07b8b3dc38ecc4ebae97ddd87f3d8985");
	free(million);
}

/* However the pages come, the digest is that of the whole. */
static void measure_in_pieces(void **state)
{
	static uint8_t data[3 * 4096 + 7];
	uint8_t want[CL_DIGEST_SIZE], got[CL_DIGEST_SIZE];
	unsigned int size;
	struct measure m;

	entropy_bytes(data, sizeof(data));
	assert_int_equal(EVP_Digest(data, sizeof(data), want, &size, EVP_sha384(), NULL), 1);
	for (size_t step = 1; step < sizeof(data); step = step * 3 + 1) {
		measure_begin(&m);
		for (size_t at = 0; at < sizeof(data); at += step)
			measure_update(&m, data + at,
				       at + step <= sizeof(data) ? step : sizeof(data) - at);
		measure_end(&m, got);
		assert_memory_equal(got, want, sizeof(want));
	}
}

static EVP_PKEY *openssl_key(const uint8_t xy[64])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	uint8_t point[65] = {4};
	char group[] = "P-256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *key = NULL;

	memcpy(point + 1, xy, 64);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static int openssl_verify(const uint8_t xy[64], const uint8_t *hash, const uint8_t sig[64])
{
	EVP_PKEY *key = openssl_key(xy);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	ECDSA_SIG *s = ECDSA_SIG_new();
	unsigned char *der = NULL;
	int size, ok;

	ECDSA_SIG_set0(s, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL));
	size = i2d_ECDSA_SIG(s, &der);
	assert_true(size > 0);
	assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
	ok = EVP_PKEY_verify(ctx, der, (size_t)size, hash, 32);
	OPENSSL_free(der);
	ECDSA_SIG_free(s);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok == 1;
}

static void key_signs(void **state)
{
	uint8_t hash[32], sig[64];

	for (unsigned int i = 0; i < 20; i++) {
		entropy_bytes(hash, sizeof(hash));
		assert_int_equal(report_key_sign(sig, hash), 0);
		assert_true(openssl_verify(report_key_public(), hash, sig));
		hash[i] ^= 1;
		assert_false(openssl_verify(report_key_public(), hash, sig));
	}
}

static void key_hangs_on_the_master(void **state)
{
	uint8_t old[64];

	memcpy(old, report_key_public(), sizeof(old));
	assert_int_equal(report_key_init(), 0);
	assert_memory_equal(old, report_key_public(), sizeof(old));
	master_key_init();
	assert_int_equal(report_key_init(), 0);
	assert_memory_not_equal(old, report_key_public(), sizeof(old));
}

static const uint8_t zero[64];

static void no_key_no_report(void **state)
{
	struct report_claims claims = {.data = zero,
				       .digest = zero,
				       .core_version = "1.0.0",
				       .iommu = "none",
				       .root = "none",
				       .remap = "none",
				       .build = zero};
	uint8_t sig[64] = {1}, out[CL_REPORT_MAX] = {1};

	report_key_wipe();
	assert_memory_equal(report_key_public(), zero, sizeof(zero));
	assert_int_equal(report_key_sign(sig, zero), -CL_ENOENT);
	assert_int_equal(report_make(&claims, out, sizeof(out)), -CL_ENOENT);
	assert_int_equal(out[0], 0);
	assert_int_equal(report_key_init(), 0);
}

static const uint8_t build[CL_BUILD_SIZE] = "twenty bytes of hash";
static uint8_t data[CL_REPORT_DATA], digest[CL_DIGEST_SIZE];
static struct report_claims good(void)
{
	entropy_bytes(data, sizeof(data));
	entropy_bytes(digest, sizeof(digest));
	return (struct report_claims){
		.data = data,
		.digest = digest,
		.instance = 7,
		.memory_bytes = 1ull << 30,
		.policy = 0,
		.vcpus = 1,
		.window_pages = 4096,
		.idle_ms = 2000,
		.core_version = "0.1.0+g1234567",
		.iommu = "amd-vi",
		.root = "none",
		.remap = "none",
		.build = build,
	};
}

static const cbor_item_t *claim(const cbor_item_t *map, int64_t key)
{
	const struct cbor_pair *pairs = cbor_map_handle(map);

	for (size_t i = 0; i < cbor_map_size(map); i++) {
		uint64_t n = cbor_get_int(pairs[i].key);
		int64_t have = cbor_isa_negint(pairs[i].key) ? -1 - (int64_t)n : (int64_t)n;

		if (have == key)
			return pairs[i].value;
	}
	fail_msg("no claim %lld", (long long)key);
	return NULL;
}

static void expect_text(const cbor_item_t *item, const char *text)
{
	assert_true(cbor_isa_string(item));
	assert_int_equal(cbor_string_length(item), strlen(text));
	assert_memory_equal(cbor_string_handle(item), text, strlen(text));
}

static void expect_bytes(const cbor_item_t *item, const uint8_t *bytes, size_t size)
{
	assert_true(cbor_isa_bytestring(item));
	assert_int_equal(cbor_bytestring_length(item), size);
	assert_memory_equal(cbor_bytestring_handle(item), bytes, size);
}

static void expect_uint(const cbor_item_t *item, uint64_t value)
{
	assert_true(cbor_isa_uint(item));
	assert_true(cbor_get_int(item) == value);
}

/* Taken apart by libcbor and OpenSSL only: none of our own decoding is involved. */
static void report_as_specified(void **state)
{
	struct report_claims c = good();
	uint8_t out[CL_REPORT_MAX], tbs[1024], hash[32];
	struct cbor_load_result result;
	cbor_item_t *cose, **part, *map, *sig_structure;
	int size = report_make(&c, out, sizeof(out));
	unsigned int hash_size;
	size_t tbs_size;

	assert_true(size > 0 && size < 512);
	assert_int_equal(out[0], 0xd2); /* tag 18, which libcbor 0.8 does not know */
	cose = cbor_load(out + 1, (size_t)size - 1, &result);
	assert_non_null(cose);
	assert_int_equal(result.read, size - 1);
	assert_true(cbor_isa_array(cose) && cbor_array_size(cose) == 4);
	part = cbor_array_handle(cose);
	expect_bytes(part[0], (const uint8_t *)"\xa1\x01\x26", 3);
	assert_int_equal(cbor_map_size(part[1]), 1);
	expect_bytes(claim(part[1], CL_HDR_CORE_KEY), report_key_public(), 64);

	map = cbor_load(cbor_bytestring_handle(part[2]), cbor_bytestring_length(part[2]), &result);
	assert_non_null(map);
	assert_int_equal(result.read, cbor_bytestring_length(part[2]));
	assert_int_equal(cbor_map_size(map), 15);
	expect_bytes(claim(map, 10), data, sizeof(data));
	expect_uint(claim(map, 263), 3);
	expect_text(claim(map, 265), CL_REPORT_PROFILE);
	expect_bytes(claim(map, -70001), digest, sizeof(digest));
	expect_uint(claim(map, -70002), 7);
	expect_uint(claim(map, -70003), 1);
	expect_uint(claim(map, -70004), 1ull << 30);
	expect_uint(claim(map, -70005), 4096);
	expect_uint(claim(map, -70006), 2000);
	expect_uint(claim(map, -70007), 0);
	expect_text(claim(map, -70008), "0.1.0+g1234567");
	expect_text(claim(map, -70009), "amd-vi");
	expect_text(claim(map, -70010), "none");
	expect_text(claim(map, -70011), "none");
	expect_bytes(claim(map, -70012), build, sizeof(build));

	sig_structure = cbor_new_definite_array(4);
	assert_true(cbor_array_push(sig_structure, cbor_move(cbor_build_string("Signature1"))));
	assert_true(cbor_array_push(sig_structure, part[0]));
	assert_true(cbor_array_push(sig_structure, cbor_move(cbor_build_bytestring(zero, 0))));
	assert_true(cbor_array_push(sig_structure, part[2]));
	tbs_size = cbor_serialize(sig_structure, tbs, sizeof(tbs));
	assert_int_equal(EVP_Digest(tbs, tbs_size, hash, &hash_size, EVP_sha256(), NULL), 1);
	assert_int_equal(cbor_bytestring_length(part[3]), 64);
	assert_true(openssl_verify(report_key_public(), hash, cbor_bytestring_handle(part[3])));

	cbor_decref(&sig_structure);
	cbor_decref(&map);
	cbor_decref(&cose);
}

/* The largest claims fit into CL_REPORT_MAX, and each smaller buffer is refused and left empty. */
static void report_needs_room(void **state)
{
	struct report_claims c = good();
	uint8_t out[CL_REPORT_MAX];
	int size;

	c.instance = c.memory_bytes = UINT64_MAX;
	c.vcpus = c.window_pages = c.idle_ms = UINT32_MAX;
	c.core_version = c.iommu = c.root = c.remap = "1234567890123456789012345678901"; /* 31 */
	size = report_make(&c, out, sizeof(out));
	assert_true(size > 0);
	for (size_t cap = 0; cap < (size_t)size; cap += 13) {
		uint8_t *small = malloc(cap ? cap : 1);

		small[0] = 1;
		assert_int_equal(report_make(&c, small, cap), -CL_ENOSPC);
		assert_int_equal(small[0], cap ? 0 : 1);
		free(small);
	}
	assert_int_equal(report_make(&c, out, (size_t)size), size);
}

static void report_refuses_false_claims(void **state)
{
	struct report_claims c = good();
	uint8_t out[CL_REPORT_MAX];

	c.policy = CL_POLICY_DEBUG;
	assert_int_equal(report_make(&c, out, sizeof(out)), -CL_EINVAL);
	c.policy = 1ull << 63;
	assert_int_equal(report_make(&c, out, sizeof(out)), -CL_EINVAL);
	c.policy = 0;
	c.core_version = "";
	assert_int_equal(report_make(&c, out, sizeof(out)), -CL_EINVAL);
	c.core_version = "1.0.0 beta";
	assert_int_equal(report_make(&c, out, sizeof(out)), -CL_EINVAL);
	c.core_version = "12345678901234567890123456789012"; /* 32 */
	assert_int_equal(report_make(&c, out, sizeof(out)), -CL_EINVAL);
	c.core_version = "1.0.0";
	c.iommu = "";
	assert_int_equal(report_make(&c, out, sizeof(out)), -CL_EINVAL);
	c.iommu = "none";
	c.root = "t p m";
	assert_int_equal(report_make(&c, out, sizeof(out)), -CL_EINVAL);
	c.root = "tpm";
	c.remap = "";
	assert_int_equal(report_make(&c, out, sizeof(out)), -CL_EINVAL);
	c.remap = "none";
	assert_true(report_make(&c, out, sizeof(out)) > 0);
}

static int boot(void **state)
{
	if (entropy_init())
		return -1;
	master_key_init();
	return report_key_init();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(measure_fips180),   cmocka_unit_test(measure_in_pieces),
		cmocka_unit_test(key_signs),	     cmocka_unit_test(key_hangs_on_the_master),
		cmocka_unit_test(no_key_no_report),  cmocka_unit_test(report_as_specified),
		cmocka_unit_test(report_needs_room), cmocka_unit_test(report_refuses_false_claims),
	};

	return cmocka_run_group_tests(tests, boot, NULL);
}
