// SPDX-License-Identifier: Apache-2.0
// The verifier: what it accepts, what it refuses, and that it says why.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/rand.h>

#include <cloister/verify.h>
#include "cpu/master_key.h"
#include "evidence/entropy.h"
#include "evidence/report.h"
#include "evidence/report_key.h"
#include "verify_forge.h"
#include "version.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What the zone in these tests is, and a report on it that the Core's own code made. */
static uint8_t data[CL_REPORT_DATA], digest[CL_DIGEST_SIZE];
static uint8_t report[CL_REPORT_MAX];
static size_t report_size;

/* A policy that asks for everything, and gets it. */
static struct cl_policy policy;
static const uint8_t build[CL_BUILD_SIZE] = "twenty bytes of hash";
static const uint8_t builds[2][CL_BUILD_SIZE] = {{0xb1, 0xd0}, "twenty bytes of hash"};
static uint8_t core_keys[2][CL_CORE_KEY_SIZE], digests[2][CL_DIGEST_SIZE];
static struct cl_verdict_result result;

static int boot(void **state)
{
	if (entropy_init())
		return -1;
	master_key_init();
	return report_key_init();
}

static int setup(void **state)
{
	struct report_claims claims = {
		.data = data,
		.digest = digest,
		.instance = 7,
		.memory_bytes = 256 << 20,
		.vcpus = 1,
		.window_pages = 1024,
		.idle_ms = 1000,
		.core_version = "0.1.0+g1234567",
		.iommu = "none",
		.root = "none",
		.remap = "none",
		.build = build,
	};
	int size;

	RAND_bytes(data, sizeof(data));
	RAND_bytes(digest, sizeof(digest));
	size = report_make(&claims, report, sizeof(report));
	assert_true(size > 0);
	report_size = (size_t)size;

	RAND_bytes(core_keys[0], sizeof(core_keys[0]));
	memcpy(core_keys[1], report_key_public(), sizeof(core_keys[1]));
	RAND_bytes(digests[0], sizeof(digests[0]));
	memcpy(digests[1], digest, sizeof(digests[1]));
	policy = (struct cl_policy){
		.size = sizeof(policy),
		.digests = (const uint8_t(*)[CL_DIGEST_SIZE])digests,
		.nr_digests = 2,
		.core_keys = (const uint8_t(*)[CL_CORE_KEY_SIZE])core_keys,
		.nr_core_keys = 2,
		.nonce = data,
		.spki = data + CL_REPORT_NONCE_SIZE,
		.core_version_min = "0.1.0",
		.memory_bytes_min = 256 << 20,
		.memory_bytes_max = 256 << 20,
		.vcpus_min = 1,
		.vcpus_max = 1,
		.window_pages_max = 1024,
		.idle_ms_max = 1000,
		.core_builds = builds,
		.nr_core_builds = 2,
	};
	return 0;
}

/* The bytes in a heap block of their size, so that the sanitizer sees the slightest overrun. */
static enum cl_verdict verdict_on(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, bytes, size);
	assert_int_equal(cl_verify_report(copy, size, &policy, &result), 0);
	free(copy);
	return result.verdict;
}

static const struct cl_check *check_named(const char *name)
{
	for (size_t i = 0; i < result.nr_checks; i++)
		if (strcmp(result.checks[i].name, name) == 0)
			return &result.checks[i];
	fail_msg("no check %s", name);
	return NULL;
}

static void expect_status(const char *name, enum cl_check_status status, const char *reason)
{
	const struct cl_check *check = check_named(name);

	if (check->status != status || !strstr(check->reason, reason))
		fail_msg("%s: %s: %s", name, cl_check_status_name(check->status), check->reason);
}

/* Exactly one check fails: this one, for this reason. */
static void expect_only_failure(const char *name, const char *reason)
{
	assert_int_equal(result.verdict, CL_VERDICT_CONTRAINDICATED);
	for (size_t i = 0; i < result.nr_checks; i++)
		if (result.checks[i].status == CL_CHECK_FAIL)
			assert_string_equal(result.checks[i].name, name);
	expect_status(name, CL_CHECK_FAIL, reason);
}

static void expect_malformed(const uint8_t *bytes, size_t size, const char *reason)
{
	static const struct cl_report none;

	verdict_on(bytes, size);
	expect_only_failure("format", reason);
	assert_int_equal(result.nr_checks, 1);
	assert_false(result.authentic);
	assert_memory_equal(&result.report, &none, sizeof(none));
}

static void expect_forged_malformed(const struct forge *f, const char *reason)
{
	uint8_t bytes[8192];

	expect_malformed(bytes, forge_make(f, bytes, sizeof(bytes)), reason);
}

/* A forged report on the same zone, under a key that the policy names. */
static void expect_forged_failure(const struct forge *f, const char *name, const char *reason)
{
	uint8_t bytes[8192];

	memcpy(core_keys[1], forge_public(), sizeof(core_keys[1]));
	verdict_on(bytes, forge_make(f, bytes, sizeof(bytes)));
	assert_true(result.authentic);
	expect_only_failure(name, reason);
}

static void core_report_is_accepted(void **state)
{
	static const char *const names[] = {
		"format",  "signature",	   "core-key",	 "root",  "digest",    "nonce",
		"tls-key", "debug",	   "policy",	 "vcpus", "memory",    "window",
		"idle",	   "core-version", "core-build", "iommu", "remapping",
	};

	assert_int_equal(verdict_on(report, report_size), CL_VERDICT_WARNING);
	assert_true(result.authentic);
	assert_int_equal(result.nr_checks, COUNT(names));
	for (size_t i = 0; i < COUNT(names); i++) {
		bool warns = strcmp(names[i], "root") == 0 || strcmp(names[i], "iommu") == 0;

		assert_string_equal(result.checks[i].name, names[i]);
		if (strcmp(names[i], "remapping") == 0)
			assert_int_equal(result.checks[i].status, CL_CHECK_SKIP);
		else
			assert_int_equal(result.checks[i].status,
					 warns ? CL_CHECK_WARN : CL_CHECK_PASS);
	}
	expect_status("root", CL_CHECK_WARN, "root: none, development");
	expect_status("iommu", CL_CHECK_WARN, "no IOMMU");
}

static void iommu_can_be_required(void **state)
{
	struct report_claims claims = {
		.data = data,
		.digest = digest,
		.instance = 7,
		.memory_bytes = 256 << 20,
		.vcpus = 1,
		.window_pages = 1024,
		.core_version = "0.1.0",
		.iommu = "amd-vi",
		.root = "none",
		.remap = "none",
		.build = build,
	};
	uint8_t with[CL_REPORT_MAX];
	int size = report_make(&claims, with, sizeof(with));

	assert_true(size > 0);
	assert_int_equal(verdict_on(with, (size_t)size), CL_VERDICT_WARNING); /* root: none */
	assert_string_equal(result.report.iommu, "amd-vi");
	expect_status("iommu", CL_CHECK_PASS, "amd-vi");
	policy.require_iommu = true;
	assert_int_equal(verdict_on(with, (size_t)size), CL_VERDICT_WARNING);
	expect_status("iommu", CL_CHECK_PASS, "amd-vi");
	assert_int_equal(verdict_on(report, report_size), CL_VERDICT_CONTRAINDICATED);
	expect_status("iommu", CL_CHECK_FAIL, "no IOMMU");
}

static void claims_arrive(void **state)
{
	verdict_on(report, report_size);
	assert_memory_equal(result.report.core_key, report_key_public(), CL_CORE_KEY_SIZE);
	assert_memory_equal(result.report.data, data, sizeof(data));
	assert_memory_equal(result.report.digest, digest, sizeof(digest));
	assert_int_equal(result.report.instance, 7);
	assert_int_equal(result.report.memory_bytes, 256 << 20);
	assert_int_equal(result.report.policy, 0);
	assert_int_equal(result.report.vcpus, 1);
	assert_int_equal(result.report.window_pages, 1024);
	assert_int_equal(result.report.idle_ms, 1000);
	assert_int_equal(result.report.dbgstat, CL_DBGSTAT_DISABLED);
	assert_string_equal(result.report.core_version, "0.1.0+g1234567");
	assert_string_equal(result.report.iommu, "none");
	assert_string_equal(result.report.root, "none");
	assert_string_equal(result.report.remap, "none");
	assert_memory_equal(result.report.build, build, sizeof(build));
}

/* Of a debug build nobody believes anything. */
static void debug_build_is_refused(void **state)
{
	struct report_claims claims = {
		.data = data,
		.digest = digest,
		.instance = 7,
		.memory_bytes = 256 << 20,
		.vcpus = 1,
		.window_pages = 1024,
		.idle_ms = 1000,
		.core_version = "0.1.0+g1234567.debug",
		.iommu = "none",
		.root = "none",
		.remap = "none",
		.build = build,
		.debug = true,
	};
	int size = report_make(&claims, report, sizeof(report));

	assert_true(size > 0);
	verdict_on(report, (size_t)size);
	expect_only_failure("debug", "dbgstat is 0, not 3");
}

static void extreme_claims_are_accepted(void **state)
{
	struct report_claims claims = {
		.data = data,
		.digest = digest,
		.instance = INT64_MAX,
		.memory_bytes = INT64_MAX,
		.vcpus = UINT32_MAX,
		.window_pages = UINT32_MAX,
		.idle_ms = UINT32_MAX,
		.core_version = "999999999.999999999.999999999-x",
		.iommu = "none",
		.root = "none",
		.remap = "none",
		.build = build,
	};
	int size = report_make(&claims, report, sizeof(report));

	policy = (struct cl_policy){.size = sizeof(policy)};
	assert_int_equal(verdict_on(report, (size_t)size), CL_VERDICT_WARNING);
	assert_string_equal(result.report.core_version, claims.core_version);
}

static void empty_policy_says_what_is_unproven(void **state)
{
	policy = (struct cl_policy){.size = sizeof(policy)};
	assert_int_equal(verdict_on(report, report_size), CL_VERDICT_WARNING);
	expect_status("core-key", CL_CHECK_WARN, "vouches for itself only");
	expect_status("digest", CL_CHECK_WARN, "may run anything");
	expect_status("nonce", CL_CHECK_WARN, "may be an old one");
	expect_status("tls-key", CL_CHECK_WARN, "nothing ties a connection");
	expect_status("vcpus", CL_CHECK_SKIP, "no limit");
	expect_status("memory", CL_CHECK_SKIP, "no limit");
	expect_status("window", CL_CHECK_SKIP, "no limit");
	expect_status("idle", CL_CHECK_SKIP, "no limit");
	expect_status("core-version", CL_CHECK_SKIP, "no limit");
}

static void every_bit_counts(void **state)
{
	for (size_t i = 0; i < report_size; i++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			report[i] ^= (uint8_t)(1u << bit);
			assert_int_equal(verdict_on(report, report_size),
					 CL_VERDICT_CONTRAINDICATED);
			assert_false(result.authentic);
			report[i] ^= (uint8_t)(1u << bit);
		}
	}
	assert_int_equal(verdict_on(report, report_size), CL_VERDICT_WARNING);
}

static void changed_claim_fails_the_signature(void **state)
{
	uint8_t *at = memmem(report, report_size, digest, sizeof(digest));

	assert_non_null(at);
	at[0] ^= 1;
	verdict_on(report, report_size);
	expect_only_failure("signature", "the signature does not match");
}

static void every_truncation_is_refused(void **state)
{
	for (size_t size = 0; size < report_size; size++) {
		assert_int_equal(verdict_on(report, size), CL_VERDICT_CONTRAINDICATED);
		assert_string_equal(check_named("format")->name, "format");
		assert_int_equal(check_named("format")->status, CL_CHECK_FAIL);
	}
}

static void bytes_before_or_after_are_refused(void **state)
{
	uint8_t more[CL_REPORT_MAX + 1] = {0};

	memcpy(more, report, report_size);
	expect_malformed(more, report_size + 1, "bytes follow its end");
	expect_malformed(more, sizeof(more), "more than 1024");
	expect_malformed(more, 0, "it is empty");
	more[0] = 0;
	memcpy(more + 1, report, report_size);
	expect_malformed(more, report_size + 1, "a tag was expected");
}

/* Splices and noise: nothing but the right bytes is ever accepted, and nothing crashes. */
static void random_damage_is_refused(void **state)
{
	uint8_t bytes[CL_REPORT_MAX];

	srandom(1);
	for (unsigned int i = 0; i < 4000; i++) {
		size_t from = (size_t)random() % report_size, to = (size_t)random() % report_size;
		size_t n = (size_t)random() % (report_size - (from > to ? from : to)) + 1;

		memcpy(bytes, report, report_size);
		if (i % 2)
			memmove(bytes + to, bytes + from, n);
		else
			RAND_bytes(bytes + to, (int)n);
		if (memcmp(bytes, report, report_size) != 0)
			assert_int_equal(verdict_on(bytes, report_size),
					 CL_VERDICT_CONTRAINDICATED);
	}
}

static void forging_works(void **state)
{
	uint8_t bytes[1024];
	struct forge f;

	forge_default(&f, data, digest);
	memcpy(core_keys[1], forge_public(), sizeof(core_keys[1]));
	assert_int_equal(verdict_on(bytes, forge_make(&f, bytes, sizeof(bytes))),
			 CL_VERDICT_WARNING);
}

static void claims_out_of_order(void **state)
{
	struct forge f;

	for (size_t i = 0; i + 1 < FORGE_CLAIMS; i++) {
		struct forge_claim c;

		forge_default(&f, data, digest);
		c = f.claim[i];
		f.claim[i] = f.claim[i + 1];
		f.claim[i + 1] = c;
		expect_forged_malformed(&f, "out of order");
	}
}

static void claims_twice(void **state)
{
	struct forge f;

	for (size_t i = 0; i < FORGE_CLAIMS; i++) {
		forge_default(&f, data, digest);
		f.claim[f.nr_claims++] = f.claim[i];
		f.said_claims++;
		expect_forged_malformed(&f, "twice");
		/* next to each other, and in place of another */
		forge_default(&f, data, digest);
		f.claim[(i + 1) % FORGE_CLAIMS] = f.claim[i];
		expect_forged_malformed(&f, i + 1 < FORGE_CLAIMS ? "twice" : "out of order");
	}
}

static void claims_missing(void **state)
{
	struct forge f;

	for (size_t i = 0; i < FORGE_CLAIMS; i++) {
		forge_default(&f, data, digest);
		memmove(&f.claim[i], &f.claim[i + 1], (FORGE_CLAIMS - i - 1) * sizeof(f.claim[0]));
		f.nr_claims = f.said_claims = FORGE_CLAIMS - 1;
		expect_forged_malformed(&f, "it lacks claim");
	}
}

static void claims_unknown(void **state)
{
	static const int64_t keys[] = {0, 1, 264, 266, -1, -70000, -70013, INT64_MAX, INT64_MIN};
	struct forge f;

	for (size_t i = 0; i < COUNT(keys); i++) {
		forge_default(&f, data, digest);
		f.claim[f.nr_claims++] = (struct forge_claim){.key = keys[i], .kind = FORGE_UINT};
		f.said_claims++;
		expect_forged_malformed(&f, "a claim that the profile does not know");
	}
}

static void claim_count_lies(void **state)
{
	struct forge f;

	forge_default(&f, data, digest);
	f.said_claims = FORGE_CLAIMS + 1;
	expect_forged_malformed(&f, "a claim's key is malformed: it ends too early");
	f.said_claims = SIZE_MAX;
	expect_forged_malformed(&f, "a claim's key is malformed: it ends too early");
	f.said_claims = FORGE_CLAIMS - 1;
	expect_forged_malformed(&f, "bytes follow its end");
	f.said_claims = 0;
	expect_forged_malformed(&f, "bytes follow its end");
}

static void headers(void **state)
{
	struct forge f;

#define WITH(change, reason)                                                                       \
	do {                                                                                       \
		forge_default(&f, data, digest);                                                   \
		change;                                                                            \
		expect_forged_malformed(&f, reason);                                               \
	} while (0)
	WITH(f.tag = 0, "a tag was expected");
	WITH(f.tag = 17, "CBOR tag 17");
	WITH(f.tag = 98, "CBOR tag 98"); /* COSE_Sign */
	WITH(f.tag = UINT64_MAX, "CBOR tag 18446744073709551615");
	WITH(f.items = 3, "an array of 3");
	WITH(f.items = 5, "an array of 5");
	WITH(f.alg = -35, "its algorithm is -35, not -7 (ES256)"); /* ES384 */
	WITH(f.alg = -8, "its algorithm is -8");
	WITH(f.alg = 7, "its algorithm is 7");
	WITH(f.alg = 0, "its algorithm is 0");
	WITH(f.alg_key = 4, "parameter 4, not 1 (alg)");
	WITH(f.unprotected = 0, "has 0 parameters");
	WITH(f.unprotected = 2, "has 2 parameters");
	WITH(f.key_key = 4, "parameter 4, not -70000");
	WITH(f.key_size = 63, "the Core's key has 63 bytes");
	WITH(f.key_size = 65, "the Core's key has 65 bytes");
	WITH(f.sig_size = 63, "its signature has 63 bytes");
	WITH(f.sig_size = 65, "its signature has 65 bytes");
	WITH(f.sig_size = 0, "its signature has 0 bytes");
#undef WITH
}

static void protected_headers(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *reason;
	} cases[] = {
		{"", 0, "it ends too early"},
		{"\xa0", 1, "has 0 parameters"},
		{"\xa1\x01\x26\x00", 4, "bytes follow its end"},
		{"\xa2\x01\x26\x02\x80", 5, "has 2 parameters"},
		{"\xa2\x01\x26\x01\x26", 5, "has 2 parameters"},
		{"\xbf\x01\x26\xff", 4, "indefinite length"},
		{"\xb8\x01\x01\x26", 4, "shortest form"},
		{"\xa1\x18\x01\x26", 4, "shortest form"},
		{"\xa1\x01\x38\x06", 4, "shortest form"},
		{"\xa1\x01\x65"
		 "ES256",
		 8, "an integer was expected"},
		{"\x80", 1, "a map was expected"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct forge f;

		forge_default(&f, data, digest);
		f.raw_protected = (const uint8_t *)cases[i].bytes;
		f.raw_protected_size = cases[i].size;
		expect_forged_malformed(&f, cases[i].reason);
	}
}

static void claim_values(void **state)
{
	static const struct {
		int64_t key;
		struct forge_claim as;
		const char *reason;
	} cases[] = {
		{10, {.kind = FORGE_BYTES, .size = 63}, "eat_nonce has 63 bytes"},
		{10, {.kind = FORGE_BYTES, .size = 65}, "eat_nonce has 65 bytes"},
		{10, {.kind = FORGE_TEXT, .data = "x"}, "a byte string was expected"},
		{263, {.kind = FORGE_UINT, .number = 5}, "dbgstat is 5, more than 4"},
		{265, {.kind = FORGE_TEXT, .data = ""}, "eat_profile has 0 characters"},
		{265,
		 {.kind = FORGE_TEXT, .data = "tag:cloister.example,2026:zone-report:1"},
		 "its profile is tag:cloister.example,2026:zone-report:1, not tag"},
		{265,
		 {.kind = FORGE_TEXT, .data = "tag:cloister.example,2026:zone-report:"},
		 "its profile is"},
		{265, {.kind = FORGE_UINT}, "a text string was expected"},
		{-70001, {.kind = FORGE_BYTES, .size = 32}, "digest has 32 bytes, not 48"},
		{-70001, {.kind = FORGE_BYTES, .size = 0}, "digest has 0 bytes, not 48"},
		{-70002, {.kind = FORGE_UINT, .number = 1ull << 63}, "instance is"},
		{-70002, {.kind = FORGE_RAW, .data = "\x20", .size = 1}, "unsigned integer was"},
		{-70003, {.kind = FORGE_UINT, .number = 1ull << 32}, "vcpus is"},
		{-70004, {.kind = FORGE_UINT, .number = 1ull << 63}, "memory is"},
		{-70005, {.kind = FORGE_UINT, .number = 1ull << 32}, "window is"},
		{-70006, {.kind = FORGE_UINT, .number = 1ull << 32}, "idle_ms is"},
		{-70008, {.kind = FORGE_TEXT, .data = ""}, "core_version has 0 characters"},
		{-70008,
		 {.kind = FORGE_TEXT, .data = "1.0.0+78901234567890123456789012"},
		 "core_version has 32 characters"},
		{-70008, {.kind = FORGE_TEXT, .data = "\033[2J"}, "unprintable"},
		{-70008, {.kind = FORGE_TEXT, .data = "1.0 .0"}, "unprintable"},
		{-70008, {.kind = FORGE_TEXT, .data = "\xc3\xa9"}, "unprintable"},
		{-70009, {.kind = FORGE_BYTES, .size = 4}, "a text string was expected"},
		{-70010, {.kind = FORGE_RAW, .data = "\x62n\0", .size = 3}, "unprintable"},
		{-70011, {.kind = FORGE_UINT}, "a text string was expected"},
		{-70012, {.kind = FORGE_BYTES, .size = 19}, "build has 19 bytes, not 20"},
		{-70012, {.kind = FORGE_BYTES, .size = 32}, "build has 32 bytes, not 20"},
		/* and forms that are no deterministic CBOR */
		{-70003, {.kind = FORGE_RAW, .data = "\x18\x01", .size = 2}, "shortest form"},
		{-70003, {.kind = FORGE_RAW, .data = "\xf9\x3c\x00", .size = 3}, "unsigned"},
		{-70003, {.kind = FORGE_RAW, .data = "\xc2\x41\x01", .size = 3}, "unsigned"},
		{-70003, {.kind = FORGE_RAW, .data = "\xf6", .size = 1}, "unsigned integer was"},
		{-70009, {.kind = FORGE_RAW, .data = "\x7f\x64none\xff", .size = 7}, "indefinite"},
		{-70009, {.kind = FORGE_RAW, .data = "\x78\x04none", .size = 6}, "shortest form"},
		{-70001, {.kind = FORGE_RAW, .data = "\x5f\xff", .size = 2}, "indefinite"},
		{-70001,
		 {.kind = FORGE_RAW, .data = "\x5b\xff\xff\xff\xff\xff\xff\xff\xff", .size = 9},
		 "a string is longer than what is left"},
	};
	static const uint8_t zeros[128];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct forge_claim *c;
		struct forge f;

		forge_default(&f, data, digest);
		c = forge_claim(&f, cases[i].key);
		*c = cases[i].as;
		c->key = cases[i].key;
		if (!c->data)
			c->data = zeros;
		expect_forged_malformed(&f, cases[i].reason);
	}
}

static void payloads(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *reason;
	} cases[] = {
		{"", 0, "it ends too early"},
		{"\xa0", 1, "it lacks claim eat_nonce"},
		{"\x80", 1, "a map was expected"},
		{"\xbf\xff", 2, "indefinite length"},
		{"\xbb\xff\xff\xff\xff\xff\xff\xff\xff", 9, "it ends too early"},
		{"\xa1\x62hi\x00", 5, "an integer was expected"},
		{"\xd9\x02\x59\xa0", 4, "a map was expected"}, /* tag 601: unsigned (RFC 9781) */
	};
	struct forge f;
	uint8_t deep[600];

	for (size_t i = 0; i < COUNT(cases); i++) {
		forge_default(&f, data, digest);
		f.raw_payload = (const uint8_t *)cases[i].bytes;
		f.raw_payload_size = cases[i].size;
		expect_forged_malformed(&f, cases[i].reason);
	}
	/* 600 levels of arrays */
	memset(deep, 0x81, sizeof(deep));
	forge_default(&f, data, digest);
	f.raw_payload = deep;
	f.raw_payload_size = sizeof(deep);
	expect_forged_malformed(&f, "a map was expected");
}

static void outer_lengths(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *reason;
	} cases[] = {
		{"\xd2", 1, "it ends too early"},
		{"\xd8\x12\x84", 3, "shortest form"},
		{"\xd2\x9f", 2, "indefinite length"},
		{"\xd2\x98\x04", 3, "shortest form"},
		{"\xd2\x9b\xff\xff\xff\xff\xff\xff\xff\xff", 10,
		 "an array of 18446744073709551615"},
		{"\xd2\x84\x5f", 3, "indefinite length"},
		{"\xd2\x84\x5b\xff\xff\xff\xff\xff\xff\xff\xff", 11, "longer than what is left"},
		{"\xd2\x84\x43\xa1\x01\x26\xbf", 7, "indefinite length"},
		{"\xd2\x84\x43\xa1\x01\x26\xa1\x3a\x00\x01\x11\x6f\x5a\xff\xff\xff\xff", 17,
		 "longer than what is left"},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		expect_malformed((const uint8_t *)cases[i].bytes, cases[i].size, cases[i].reason);
}

static void keys_off_the_curve(void **state)
{
	uint8_t *key = memmem(report, report_size, report_key_public(), CL_CORE_KEY_SIZE);

	assert_non_null(key);
	key[63] ^= 1;
	verdict_on(report, report_size);
	expect_only_failure("signature", "no point on P-256");
	memset(key, 0, CL_CORE_KEY_SIZE);
	verdict_on(report, report_size);
	expect_only_failure("signature", "no point on P-256");
	memset(key, 0xff, CL_CORE_KEY_SIZE);
	verdict_on(report, report_size);
	expect_only_failure("signature", "no point on P-256");
}

static void signatures_out_of_range(void **state)
{
	uint8_t *sig = report + report_size - 64;

	memset(sig, 0, 64); /* CVE-2022-21449's trick */
	verdict_on(report, report_size);
	expect_only_failure("signature", "does not match");
	memset(sig, 0xff, 64);
	verdict_on(report, report_size);
	expect_only_failure("signature", "does not match");
	memset(sig, 0, 32);
	verdict_on(report, report_size);
	expect_only_failure("signature", "does not match");
}

static void another_key_signed(void **state)
{
	/* rightly signed by the forger, who names the Core's key in the header */
	uint8_t bytes[1024];
	struct forge f;
	size_t size;

	forge_default(&f, data, digest);
	size = forge_make(&f, bytes, sizeof(bytes));
	memcpy(memmem(bytes, size, forge_public(), 64), report_key_public(), 64);
	verdict_on(bytes, size);
	expect_only_failure("signature", "another key signed it");
	/* and the forger under his own name */
	size = forge_make(&f, bytes, sizeof(bytes));
	verdict_on(bytes, size);
	expect_only_failure("core-key", "none of the 2 in the policy");
}

static void wrong_nonce(void **state)
{
	uint8_t other[CL_REPORT_NONCE_SIZE];

	memcpy(other, data, sizeof(other));
	other[31] ^= 1;
	policy.nonce = other;
	verdict_on(report, report_size);
	expect_only_failure("nonce", "made for another request");
}

static void wrong_tls_key(void **state)
{
	uint8_t other[CL_REPORT_SPKI_SIZE];

	memcpy(other, data + 32, sizeof(other));
	other[0] ^= 0x80;
	policy.spki = other;
	verdict_on(report, report_size);
	expect_only_failure("tls-key", "the TLS key is not the one in the report");
}

static void wrong_digest(void **state)
{
	digests[1][47] ^= 1;
	verdict_on(report, report_size);
	expect_only_failure("digest", "is none of the 2 in the policy");
}

static void wrong_core_key(void **state)
{
	core_keys[1][0] ^= 1;
	verdict_on(report, report_size);
	expect_only_failure("core-key", "is none of the 2 in the policy");
}

static void beyond_limits(void **state)
{
	policy.window_pages_max = 1023;
	verdict_on(report, report_size);
	expect_only_failure("window", "1024 pages may be open at a time, more than");
	setup(state);
	policy.idle_ms_max = 999;
	verdict_on(report, report_size);
	expect_only_failure("idle", "1000 ms");
	setup(state);
	policy.memory_bytes_max = policy.memory_bytes_min = (256 << 20) - 4096;
	verdict_on(report, report_size);
	expect_only_failure("memory", "more than the policy's most");
	setup(state);
	policy.memory_bytes_max = policy.memory_bytes_min = 512 << 20;
	verdict_on(report, report_size);
	expect_only_failure("memory", "less than the policy's least");
	setup(state);
	policy.vcpus_min = policy.vcpus_max = 2;
	verdict_on(report, report_size);
	expect_only_failure("vcpus", "1 vCPU(s), less than");
	setup(state);
	policy.core_version_min = "0.1.1";
	verdict_on(report, report_size);
	expect_only_failure("core-version", "Core 0.1.0+g1234567, older than");
}

static void bad_claims_rightly_signed(void **state)
{
	struct forge f;

	for (uint64_t dbgstat = 0; dbgstat <= 4; dbgstat++) {
		forge_default(&f, data, digest);
		forge_claim(&f, 263)->number = dbgstat;
		if (dbgstat != 3)
			expect_forged_failure(&f, "debug", "not disabled permanently");
	}
	forge_default(&f, data, digest);
	forge_claim(&f, -70007)->number = CL_POLICY_DEBUG;
	expect_forged_failure(&f, "policy", "allows debugging");
	forge_claim(&f, -70007)->number = 1ull << 63;
	expect_forged_failure(&f, "policy", "unknown bits: 0x8000000000000000");
	forge_default(&f, data, digest);
	forge_claim(&f, -70003)->number = 0;
	expect_forged_failure(&f, "vcpus", "0 vCPU(s) makes no sense");
	forge_default(&f, data, digest);
	forge_claim(&f, -70004)->number = 0;
	expect_forged_failure(&f, "memory", "makes no sense");
	forge_default(&f, data, digest);
	forge_claim(&f, -70005)->number = 0;
	expect_forged_failure(&f, "window", "makes no sense");
	forge_default(&f, data, digest);
	forge_claim(&f, -70008)->data = "banana";
	expect_forged_failure(&f, "core-version", "this is no version");
	forge_default(&f, data, digest);
	forge_claim(&f, -70009)->data = "vt-d";
	expect_forged_failure(&f, "iommu", "does not know");
	forge_default(&f, data, digest);
	forge_claim(&f, -70010)->data = "sgx";
	expect_forged_failure(&f, "root", "root: sgx, which this verifier does not know");
	forge_default(&f, data, digest);
	forge_claim(&f, -70011)->data = "vt-d";
	expect_forged_failure(&f, "remapping", "does not know");
	forge_claim(&f, -70011)->data = "none";
	policy.require_remapping = true;
	expect_forged_failure(&f, "remapping", "which the policy requires");
	forge_claim(&f, -70011)->data = "amd-vi";
	forge_claim(&f, -70012)->data = "another 20 byte hash";
	expect_forged_failure(&f, "core-build",
			      "616e6f7468657220323020627974652068617368, is none of the 2");
}

/* Nobody is trusted for saying that he is: without evidence it is a warning. */
static void root_without_evidence(void **state)
{
	uint8_t bytes[8192];
	struct forge f;

	forge_default(&f, data, digest);
	forge_claim(&f, -70009)->data = "amd-vi";
	forge_claim(&f, -70010)->data = "tpm";
	memcpy(core_keys[1], forge_public(), sizeof(core_keys[1]));
	assert_int_equal(verdict_on(bytes, forge_make(&f, bytes, sizeof(bytes))),
			 CL_VERDICT_WARNING);
	expect_status("root", CL_CHECK_WARN, "no evidence was given");
}

static void versions(void **state)
{
	static const struct {
		const char *version;
		const char *min;
		bool ok;
	} cases[] = {
		{"1.2.3", "1.2.3", true},	 {"1.2.4", "1.2.3", true},
		{"1.2.2", "1.2.3", false},	 {"1.3.0", "1.2.3", true},
		{"2.0.0", "1.2.3", true},	 {"0.9.9", "1.2.3", false},
		{"1.10.0", "1.9.0", true},	 {"1.2.3+g1", "1.2.3", true},
		{"1.2.3-rc1", "1.2.3", false},	 {"1.2.4-a.b", "1.2.3", true},
		{"1.2.3-rc1+g1", "1.2.2", true},
	};
	static const char *const bad[] = {
		"",	   "1",		 "1.2",	      "1.2.",	"1.2.x",
		"1.2.3.4", "01.2.3",	 "1.2.3-",    "1.2.3+", "1.2.3 ",
		"-1.2.3",  "1.2.3-a..b", "1.2.3+a+b", "v1.2.3", "1.2.1234567890",
	};
	struct clv_version a, b;

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_true(clv_version_parse(cases[i].version, &a));
		assert_true(clv_version_parse(cases[i].min, &b));
		assert_int_equal(clv_version_at_least(&a, &b), cases[i].ok);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(clv_version_parse(bad[i], &a));
}

static void expect_einval(void)
{
	assert_int_equal(cl_verify_report(report, report_size, &policy, &result), -EINVAL);
	assert_int_equal(result.verdict, CL_VERDICT_CONTRAINDICATED);
	assert_false(result.authentic);
}

static void bad_arguments(void **state)
{
	assert_int_equal(cl_verify_report(report, report_size, &policy, NULL), -EINVAL);
	assert_int_equal(cl_verify_report(report, report_size, NULL, &result), -EINVAL);
	assert_int_equal(result.verdict, CL_VERDICT_CONTRAINDICATED);
	assert_int_equal(cl_verify_report(NULL, 0, &policy, &result), -EINVAL);
	assert_int_equal(result.verdict, CL_VERDICT_CONTRAINDICATED);
	policy.size = 0;
	expect_einval();
	setup(state);
	policy.digests = NULL;
	expect_einval();
	setup(state);
	policy.core_keys = NULL;
	expect_einval();
	setup(state);
	policy.memory_bytes_min = policy.memory_bytes_max + 1;
	expect_einval();
	setup(state);
	policy.vcpus_min = 2;
	expect_einval();
	setup(state);
	policy.core_version_min = "latest";
	expect_einval();
	policy.core_version_min = "1.0.0-rc1";
	expect_einval();
}

static char *rendered(bool colour)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(cl_print_result(f, &result, colour), 0);
	fclose(f);
	return text;
}

static void tree(void **state)
{
	char *text;

	verdict_on(report, report_size);
	text = rendered(false);
	assert_memory_equal(text, "verdict: warning\n", 17);
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, "root: none, development"));
	assert_non_null(strstr(text, "0.1.0+g1234567"));
	free(text);
	text = rendered(true);
	assert_non_null(strstr(text, "\033[1;33mwarning\033[0m"));
	free(text);
	/* of an unsigned report nothing is shown */
	report[report_size - 1] ^= 1;
	verdict_on(report, report_size);
	text = rendered(false);
	assert_memory_equal(text, "verdict: contraindicated\n", 25);
	assert_null(strstr(text, "0.1.0+g1234567"));
	free(text);
}

static void json(void **state)
{
	char *text;
	json_t *o, *checks, *claims;

	verdict_on(report, report_size);
	text = cl_result_json(&result);
	assert_non_null(text);
	o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(o);
	assert_string_equal(json_string_value(json_object_get(o, "verdict")), "warning");
	assert_true(json_is_true(json_object_get(o, "authentic")));
	checks = json_object_get(o, "checks");
	assert_int_equal(json_array_size(checks), result.nr_checks);
	for (size_t i = 0; i < result.nr_checks; i++) {
		json_t *c = json_array_get(checks, i);

		assert_string_equal(json_string_value(json_object_get(c, "name")),
				    result.checks[i].name);
		assert_string_equal(json_string_value(json_object_get(c, "reason")),
				    result.checks[i].reason);
		assert_string_equal(json_string_value(json_object_get(c, "status")),
				    cl_check_status_name(result.checks[i].status));
	}
	claims = json_object_get(o, "report");
	assert_int_equal(json_string_length(json_object_get(claims, "digest")), 96);
	assert_int_equal(json_string_length(json_object_get(claims, "core_key")), 128);
	assert_int_equal(json_integer_value(json_object_get(claims, "memory_bytes")), 256 << 20);
	assert_string_equal(json_string_value(json_object_get(claims, "policy")), "0x0");
	assert_string_equal(json_string_value(json_object_get(claims, "root")), "none");
	json_decref(o);
	free(text);

	report[report_size - 1] ^= 1;
	verdict_on(report, report_size);
	text = cl_result_json(&result);
	o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(o);
	assert_true(json_is_null(json_object_get(o, "report")));
	assert_true(json_is_false(json_object_get(o, "authentic")));
	json_decref(o);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(core_report_is_accepted, setup),
		cmocka_unit_test_setup(iommu_can_be_required, setup),
		cmocka_unit_test_setup(claims_arrive, setup),
		cmocka_unit_test_setup(debug_build_is_refused, setup),
		cmocka_unit_test_setup(extreme_claims_are_accepted, setup),
		cmocka_unit_test_setup(empty_policy_says_what_is_unproven, setup),
		cmocka_unit_test_setup(every_bit_counts, setup),
		cmocka_unit_test_setup(changed_claim_fails_the_signature, setup),
		cmocka_unit_test_setup(every_truncation_is_refused, setup),
		cmocka_unit_test_setup(bytes_before_or_after_are_refused, setup),
		cmocka_unit_test_setup(random_damage_is_refused, setup),
		cmocka_unit_test_setup(forging_works, setup),
		cmocka_unit_test_setup(claims_out_of_order, setup),
		cmocka_unit_test_setup(claims_twice, setup),
		cmocka_unit_test_setup(claims_missing, setup),
		cmocka_unit_test_setup(claims_unknown, setup),
		cmocka_unit_test_setup(claim_count_lies, setup),
		cmocka_unit_test_setup(headers, setup),
		cmocka_unit_test_setup(protected_headers, setup),
		cmocka_unit_test_setup(claim_values, setup),
		cmocka_unit_test_setup(payloads, setup),
		cmocka_unit_test_setup(outer_lengths, setup),
		cmocka_unit_test_setup(keys_off_the_curve, setup),
		cmocka_unit_test_setup(signatures_out_of_range, setup),
		cmocka_unit_test_setup(another_key_signed, setup),
		cmocka_unit_test_setup(wrong_nonce, setup),
		cmocka_unit_test_setup(wrong_tls_key, setup),
		cmocka_unit_test_setup(wrong_digest, setup),
		cmocka_unit_test_setup(wrong_core_key, setup),
		cmocka_unit_test_setup(beyond_limits, setup),
		cmocka_unit_test_setup(bad_claims_rightly_signed, setup),
		cmocka_unit_test_setup(root_without_evidence, setup),
		cmocka_unit_test_setup(versions, setup),
		cmocka_unit_test_setup(bad_arguments, setup),
		cmocka_unit_test_setup(tree, setup),
		cmocka_unit_test_setup(json, setup),
	};

	return cmocka_run_group_tests(tests, boot, NULL);
}
