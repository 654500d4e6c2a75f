// SPDX-License-Identifier: Apache-2.0
// Evidence: the bundle itself. Whatever is changed, cut, moved or mixed is refused, or says the
// same.
#include <errno.h>

#include "evidence_test.h"

static uint8_t bundle[CL_EVIDENCE_MAX];
static size_t bundle_size;

static int setup(void **state)
{
	evidence_setup(state);
	bundle_size = evidence_forge_make(&forged, bundle, sizeof(bundle));
	return 0;
}

static void expect_malformed(const uint8_t *bytes, size_t size, const char *reason)
{
	static const struct cl_report no_report;
	static const struct cl_node no_node;

	verdict_of(bytes, size);
	expect_only_failure("format", reason);
	assert_int_equal(result.nr_checks, 1);
	assert_false(result.authentic || result.proven);
	assert_memory_equal(&result.report, &no_report, sizeof(no_report));
	assert_memory_equal(&result.node, &no_node, sizeof(no_node));
}

static void unpack(struct cl_evidence *parts)
{
	char error[CL_ERROR_SIZE];

	assert_int_equal(cl_evidence_unpack(bundle, bundle_size, parts, error), 0);
}

/* The forge's encoder is the Core's, and this one is the verifier's. */
static void pack_is_what_unpack_takes(void **state)
{
	uint8_t again[CL_EVIDENCE_MAX];
	struct cl_evidence parts;

	unpack(&parts);
	assert_int_equal(cl_evidence_pack(&parts, again, sizeof(again)), bundle_size);
	assert_memory_equal(again, bundle, bundle_size);
	/* A node's own evidence, and one without a log. */
	forged.no_report = forged.no_log = true;
	bundle_size = evidence_forge_make(&forged, bundle, sizeof(bundle));
	unpack(&parts);
	assert_null(parts.report);
	assert_int_equal(parts.boot_log_size, 0);
	assert_int_equal(cl_evidence_pack(&parts, again, sizeof(again)), bundle_size);
	assert_memory_equal(again, bundle, bundle_size);
	expect_malformed(bundle, bundle_size, "a node's evidence without a zone's report");
}

static void pack_refuses(void **state)
{
	uint8_t out[CL_EVIDENCE_MAX];
	struct cl_evidence parts;

	for (size_t n = 0; n < bundle_size; n += 97) {
		unpack(&parts);
		assert_int_equal(cl_evidence_pack(&parts, out, n), -ENOSPC);
	}
#define EXPECT_EINVAL(field, value)                                                                \
	do {                                                                                       \
		unpack(&parts);                                                                    \
		parts.field = (value);                                                             \
		assert_int_equal(cl_evidence_pack(&parts, out, sizeof(out)), -EINVAL);             \
	} while (0)
	EXPECT_EINVAL(ak, NULL);
	EXPECT_EINVAL(ak_size, 0);
	EXPECT_EINVAL(ak_size, CL_AK_CERT_MAX + 1);
	EXPECT_EINVAL(attest, NULL);
	EXPECT_EINVAL(attest_size, CL_QUOTE_ATTEST_MAX + 1);
	EXPECT_EINVAL(signature, NULL);
	EXPECT_EINVAL(signature_size, CL_QUOTE_SIGNATURE_MAX + 1);
	EXPECT_EINVAL(report_size, 0);
	EXPECT_EINVAL(report_size, CL_REPORT_MAX + 1);
	EXPECT_EINVAL(boot_log, NULL);
	EXPECT_EINVAL(boot_log_size, CL_BOOT_LOG_MAX + 1);
	unpack(&parts);
	assert_int_equal(cl_evidence_pack(&parts, NULL, 9), -EINVAL);
	assert_int_equal(cl_evidence_pack(NULL, out, 9), -EINVAL);
}

/* The largest parts make the largest bundle. */
static void largest(void **state)
{
	static uint8_t big[CL_EVIDENCE_MAX], part[CL_BOOT_LOG_MAX];
	struct cl_evidence parts = {
		.ak = part,
		.ak_size = CL_AK_CERT_MAX,
		.attest = part,
		.attest_size = CL_QUOTE_ATTEST_MAX,
		.signature = part,
		.signature_size = CL_QUOTE_SIGNATURE_MAX,
		.boot_log = part,
		.boot_log_size = CL_BOOT_LOG_MAX,
		.report = part,
		.report_size = CL_REPORT_MAX,
	};
	struct cl_evidence again;
	char error[CL_ERROR_SIZE];
	int size = cl_evidence_pack(&parts, big, sizeof(big));

	assert_true(size > 0 && (size_t)size < CL_EVIDENCE_MAX);
	assert_int_equal(cl_evidence_unpack(big, (size_t)size, &again, error), 0);
	assert_int_equal(again.boot_log_size, CL_BOOT_LOG_MAX);
	expect_malformed(big, (size_t)size, "this is no report");
}

static void truncated(void **state)
{
	char error[CL_ERROR_SIZE];
	struct cl_evidence parts;

	for (size_t n = 0; n < bundle_size; n++) {
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, bundle, n);
		assert_int_equal(cl_evidence_unpack(copy, n, &parts, error), -EPROTO);
		assert_null(parts.ak);
		free(copy);
	}
	expect_malformed(bundle, 0, "it is empty");
	expect_malformed(bundle, bundle_size - 1, "longer than what is left");
	expect_malformed(bundle, 1, "it ends too early");
}

static void oversized(void **state)
{
	static uint8_t big[2 * CL_EVIDENCE_MAX];

	memcpy(big, bundle, bundle_size);
	expect_malformed(big, bundle_size + 1, "bytes follow its end");
	expect_malformed(big, CL_EVIDENCE_MAX, "bytes follow its end");
	expect_malformed(big, CL_EVIDENCE_MAX + 1, "it has 131073 bytes, more than 131072");
}

/* A bundle with one record changed; NULL labels stay as they are. */
struct record {
	const char *label, *type;
	const uint8_t *data;
	size_t size;
	size_t items; /* 0: two */
	bool text;    /* the value is no byte string */
};

static size_t write_bundle(const struct record *r, size_t nr, uint64_t pairs, uint8_t *out)
{
	struct cbor_out o;

	cbor_begin(&o, out, CL_EVIDENCE_MAX);
	cbor_put_map(&o, pairs);
	for (size_t i = 0; i < nr; i++) {
		cbor_put_text(&o, r[i].label);
		if (!r[i].data) {
			cbor_put_text(&o, r[i].type);
			continue;
		}
		cbor_put_array(&o, r[i].items ? r[i].items : 2);
		cbor_put_text(&o, r[i].type);
		if (r[i].text)
			cbor_put_text(&o, "text");
		else
			cbor_put_bytes(&o, r[i].data, r[i].size);
		for (size_t n = 2; n < r[i].items; n++)
			cbor_put_uint(&o, 4);
	}
	assert_false(o.full);
	return o.len;
}

static void take_records(struct record r[5])
{
	static uint8_t quote[4096];
	struct cl_evidence parts;
	struct cbor_out o;

	unpack(&parts);
	cbor_begin(&o, quote, sizeof(quote));
	cbor_put_array(&o, 3);
	cbor_put_bytes(&o, parts.attest, parts.attest_size);
	cbor_put_bytes(&o, parts.signature, parts.signature_size);
	cbor_put_map(&o, CL_QUOTE_NR_PCRS);
	for (size_t i = 0, n = 0; i < 24; i++) {
		if (!(CL_QUOTE_PCRS & 1u << i))
			continue;
		cbor_put_uint(&o, i);
		cbor_put_bytes(&o, parts.pcrs[n++], CL_PCR_SIZE);
	}
	r[0] = (struct record){
		.label = "ak", .type = CL_TYPE_AK, .data = parts.ak, .size = parts.ak_size};
	r[1] = (struct record){
		.label = "quote", .type = CL_TYPE_QUOTE, .data = quote, .size = o.len};
	r[2] = (struct record){.label = "report",
			       .type = CL_TYPE_REPORT,
			       .data = parts.report,
			       .size = parts.report_size};
	r[3] = (struct record){.label = "__cmwc_t", .type = CL_EVIDENCE_TYPE};
	r[4] = (struct record){.label = "boot-log",
			       .type = CL_TYPE_BOOT_LOG,
			       .data = parts.boot_log,
			       .size = parts.boot_log_size};
}

static void expect_records(const struct record *r, size_t nr, uint64_t pairs, const char *reason)
{
	static uint8_t bytes[CL_EVIDENCE_MAX];
	size_t size = write_bundle(r, nr, pairs, bytes);

	if (reason) {
		expect_malformed(bytes, size, reason);
		return;
	}
	assert_int_equal(size, bundle_size);
	assert_memory_equal(bytes, bundle, size);
}

static void reordered(void **state)
{
	struct record r[6], swap;

	take_records(r);
	expect_records(r, 5, 5, NULL);
	for (size_t i = 0; i < 5; i++) {
		for (size_t j = i + 1; j < 5; j++) {
			take_records(r);
			swap = r[i];
			r[i] = r[j];
			r[j] = swap;
			expect_records(r, 5, 5, "its next label is");
		}
	}
	/* Left out, twice, one more. */
	for (size_t i = 0; i < 5; i++) {
		take_records(r);
		memmove(&r[i], &r[i + 1], (4 - i) * sizeof(r[0]));
		expect_records(r, 4, 4, i == 2 ? "without a zone's report" : "its ");
		take_records(r);
		memmove(&r[i + 1], &r[i], (5 - i) * sizeof(r[0]));
		expect_records(r, 6, 6, "it has 6 members");
		expect_records(r, 6, 5, i == 4 ? "bytes follow" : "its next label is");
	}
}

static void changed_records(void **state)
{
	static uint8_t big[CL_BOOT_LOG_MAX + 1];
	struct record r[5];

	for (size_t i = 0; i < 5; i++) {
		take_records(r);
		r[i].label = "x\x1b";
		expect_records(r, 5, 5, "its next label is \"x?\", not \"");
		take_records(r);
		r[i].type = "application/evil";
		expect_records(r, 5, 5,
			       i == 3 ? "its collection's type is \"application/evil\""
				      : "its record's type is \"application/evil\"");
		if (i == 3)
			continue;
		take_records(r);
		r[i].items = 3; /* CMW allows an indicator; this profile does not */
		expect_records(r, 5, 5, "is an array of 3, not of 2");
		take_records(r);
		r[i].text = true;
		expect_records(r, 5, 5, "a byte string was expected");
		take_records(r);
		r[i].data = big;
		r[i].size = i == 0   ? CL_AK_CERT_MAX + 1
			    : i == 1 ? 2048
			    : i == 2 ? CL_REPORT_MAX + 1
				     : sizeof(big);
		expect_records(r, 5, 5, " bytes, not ");
		r[i].size = 0;
		if (i < 3)
			expect_records(r, 5, 5, "has 0 bytes, not 1 to");
	}
	/* Neither a COSE_Sign1 nor a certificate. */
	take_records(r);
	r[2].size--;
	expect_records(r, 5, 5, "this is no report");
}

static void changed_quote(void **state)
{
	static const struct {
		uint64_t items, pairs, pcr;
		size_t size;
		const char *reason;
	} cases[] = {
		{2, 7, 0, 32, "an array of 2, not of 3"},
		{4, 7, 0, 32, "an array of 4, not of 3"},
		{3, 6, 0, 32, "it has 6 PCRs, not 7"},
		{3, 8, 0, 32, "it has 8 PCRs, not 7"},
		{3, 7, 1, 32, "it has PCR 1 where PCR 0 belongs"},
		{3, 7, 24, 32, "it has PCR 24 where PCR 0 belongs"},
		{3, 7, 0, 31, "its PCR has 31 bytes, not 32"},
		{3, 7, 0, 20, "its PCR has 20 bytes"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		static uint8_t quote[4096];
		struct cl_evidence parts;
		struct record r[5];
		struct cbor_out o;

		take_records(r);
		unpack(&parts);
		cbor_begin(&o, quote, sizeof(quote));
		cbor_put_array(&o, cases[i].items);
		cbor_put_bytes(&o, parts.attest, parts.attest_size);
		cbor_put_bytes(&o, parts.signature, parts.signature_size);
		cbor_put_map(&o, cases[i].pairs);
		cbor_put_uint(&o, cases[i].pcr);
		cbor_put_bytes(&o, parts.pcrs[0], cases[i].size);
		r[1].data = quote;
		r[1].size = o.len;
		expect_records(r, 5, 5, cases[i].reason);
	}
}

/*
 * Every bit of a good bundle. Each change is refused, but in the event log: there some bytes say
 * nothing that a verifier believes (text and types of events outside PCR 4 and 8, digests of other
 * banks, the header's version), so that the result has to be the very same.
 */
static void every_bit_counts(void **state)
{
	static struct cl_verdict_result good;
	struct cl_evidence parts;
	size_t log_at, same = 0;
	struct cl_verifier *v;
	char error[CL_ERROR_SIZE];

	unpack(&parts);
	log_at = (size_t)(parts.boot_log - bundle);
	assert_int_equal(cl_verifier_create(&policy, &v, error), 0);
	assert_int_equal(cl_verifier_check(v, bundle, bundle_size, data, policy.spki, &good), 0);
	assert_int_equal(good.verdict, CL_VERDICT_AFFIRMING);
	for (size_t bit = 0; bit < 8 * bundle_size; bit++) {
		/* The log's bytes are many and alike: one bit of each. */
		if (bit / 8 >= log_at && bit % 8 != bit / 8 % 8)
			continue;
		bundle[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(
			cl_verifier_check(v, bundle, bundle_size, data, policy.spki, &result), 0);
		if (result.verdict != CL_VERDICT_CONTRAINDICATED) {
			if (bit / 8 < log_at)
				fail_msg("bit %zu is not covered", bit);
			assert_memory_equal(&result, &good, sizeof(good));
			same++;
		}
		bundle[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	cl_verifier_free(v);
	/* The forge's log has such bytes, and most of it is not of that kind. */
	assert_true(same > 0 && same < parts.boot_log_size);
}

/* Parts of two bundles, each of them good. */
static void spliced(void **state)
{
	static uint8_t other_bundle[CL_EVIDENCE_MAX], out[CL_EVIDENCE_MAX];
	struct cl_evidence this, other, mixed;
	char error[CL_ERROR_SIZE];
	uint8_t nonce[64];
	size_t size;

	unpack(&this);
	/* Another node, another moment. */
	memcpy(nonce, data, sizeof(nonce));
	nonce[0] ^= 1;
	evidence_forge_default(&forged, nonce, digest);
	forged.cert.ak = forged.signer = FORGE_OTHER;
	forged.cert.name = "node-2";
	forge_event_find(&forged, 4, 0x80000003)->measured = "another imag";
	size = evidence_forge_make(&forged, other_bundle, sizeof(other_bundle));
	assert_int_equal(cl_evidence_unpack(other_bundle, size, &other, error), 0);

#define EXPECT_SPLICE(assign, name, reason)                                                        \
	do {                                                                                       \
		mixed = this;                                                                      \
		assign;                                                                            \
		size = (size_t)cl_evidence_pack(&mixed, out, sizeof(out));                         \
		verdict_of(out, size);                                                             \
		assert_int_equal(result.verdict, CL_VERDICT_CONTRAINDICATED);                      \
		expect_status(name, CL_CHECK_FAIL, reason);                                        \
	} while (0)
	EXPECT_SPLICE((mixed.ak = other.ak, mixed.ak_size = other.ak_size), "quote",
		      "the AK did not sign it");
	EXPECT_SPLICE(
		(mixed.signature = other.signature, mixed.signature_size = other.signature_size),
		"quote", "the AK did not sign it");
	EXPECT_SPLICE((mixed.attest = other.attest, mixed.attest_size = other.attest_size), "quote",
		      "the AK did not sign it");
	EXPECT_SPLICE(memcpy(mixed.pcrs, other.pcrs, sizeof(mixed.pcrs)), "quote",
		      "not those that it quotes");
	EXPECT_SPLICE((mixed.report = other.report, mixed.report_size = other.report_size), "nonce",
		      "do not belong together");
	EXPECT_SPLICE((mixed.boot_log = other.boot_log, mixed.boot_log_size = other.boot_log_size),
		      "boot-log", "does not make PCR 4 what the TPM quotes");
	/* All of the quote: the other node's, honest about another nonce and image. */
	EXPECT_SPLICE(
		(mixed = other, mixed.report = this.report, mixed.report_size = this.report_size),
		"nonce", "do not belong together");
}

static void bad_arguments(void **state)
{
	struct cl_verifier *v;
	char error[CL_ERROR_SIZE];

	assert_int_equal(cl_verify_evidence(bundle, bundle_size, &policy, NULL), -EINVAL);
	assert_int_equal(cl_verify_evidence(NULL, 0, &policy, &result), -EINVAL);
	assert_int_equal(result.verdict, CL_VERDICT_CONTRAINDICATED);
	assert_int_equal(cl_verify_evidence(bundle, bundle_size, NULL, &result), -EINVAL);
	assert_int_equal(cl_verifier_check(NULL, bundle, bundle_size, NULL, NULL, &result),
			 -EINVAL);
	policy.size--;
	assert_int_equal(cl_verify_evidence(bundle, bundle_size, &policy, &result), -EINVAL);
	assert_int_equal(cl_verifier_create(&policy, &v, error), -EINVAL);
	policy.size++;
	policy.cas = NULL;
	assert_int_equal(cl_verify_evidence(bundle, bundle_size, &policy, &result), -EINVAL);
	assert_int_equal(cl_verifier_create(&policy, NULL, error), -EINVAL);
	cl_verifier_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(pack_is_what_unpack_takes, setup),
		cmocka_unit_test_setup(pack_refuses, setup),
		cmocka_unit_test_setup(largest, setup),
		cmocka_unit_test_setup(truncated, setup),
		cmocka_unit_test_setup(oversized, setup),
		cmocka_unit_test_setup(reordered, setup),
		cmocka_unit_test_setup(changed_records, setup),
		cmocka_unit_test_setup(changed_quote, setup),
		cmocka_unit_test_setup(every_bit_counts, setup),
		cmocka_unit_test_setup(spliced, setup),
		cmocka_unit_test_setup(bad_arguments, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
