// SPDX-License-Identifier: Apache-2.0
// EAR: what a relying party reads, and that the key signed it; with OpenSSL as the oracle.
#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "evidence_test.h"

static json_t *claims;

static int teardown(void **state)
{
	json_decref(claims);
	claims = NULL;
	return 0;
}

/* base64url → bytes, by OpenSSL's base64. */
static size_t decode(const char *text, size_t size, uint8_t *out)
{
	char padded[65536];
	size_t n = 0;

	assert_true(size + 4 < sizeof(padded));
	for (; n < size; n++)
		padded[n] = text[n] == '-' ? '+' : text[n] == '_' ? '/' : text[n];
	while (n % 4)
		padded[n++] = '=';
	assert_int_equal(EVP_DecodeBlock(out, (const uint8_t *)padded, (int)n), n / 4 * 3);
	return size * 3 / 4;
}

static void verify(const char *jwt, const char *sig_at)
{
	BIO *in = BIO_new_mem_buf(forge_key_pem(), -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ECDSA_SIG *sig = ECDSA_SIG_new();
	uint8_t raw[68], *der = NULL;
	int size;

	assert_int_equal(decode(sig_at + 1, strlen(sig_at + 1), raw), 64);
	ECDSA_SIG_set0(sig, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
	size = i2d_ECDSA_SIG(sig, &der);
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(EVP_DigestVerify(ctx, der, (size_t)size, (const uint8_t *)jwt,
					  (size_t)(sig_at - jwt)),
			 1);
	OPENSSL_free(der);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	BIO_free(in);
}

/* Sign what is in `result`, check the signature, and keep the claims. */
static void make(void)
{
	char error[CL_ERROR_SIZE];
	char *jwt = cl_ear_jwt(&result, forge_key_pem(), FORGE_NOW, error);
	static uint8_t out[65536];
	const char *payload, *sig;
	size_t n;

	assert_non_null(jwt);
	payload = strchr(jwt, '.');
	sig = strrchr(jwt, '.');
	verify(jwt, sig);
	n = decode(jwt, (size_t)(payload - jwt), out);
	assert_int_equal(n, 27);
	assert_memory_equal(out, "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", n);
	n = decode(payload + 1, (size_t)(sig - payload - 1), out);
	json_decref(claims);
	claims = json_loadb((const char *)out, n, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(claims);
	free(jwt);
}

static json_t *zone(const char *member)
{
	return json_object_get(json_object_get(json_object_get(claims, "submods"), "zone"), member);
}

static void expect_vector(const char *name, json_int_t value)
{
	json_t *vector = zone("ear.trustworthiness-vector");

	assert_true(json_is_object(vector));
	if (json_integer_value(json_object_get(vector, name)) != value)
		fail_msg("%s: %lld", name, json_integer_value(json_object_get(vector, name)));
}

static void affirming(void **state)
{
	const json_t *id, *checks;
	uint8_t nonce[CL_REPORT_NONCE_SIZE + 3];
	const char *text;

	expect_affirming();
	make();
	assert_string_equal(json_string_value(json_object_get(claims, "eat_profile")),
			    "tag:github.com,2023:veraison/ear");
	assert_int_equal(json_integer_value(json_object_get(claims, "iat")), FORGE_NOW);
	id = json_object_get(claims, "ear.verifier-id");
	assert_int_equal(json_object_size(id), 2);
	assert_non_null(json_string_value(json_object_get(id, "developer")));
	assert_non_null(json_string_value(json_object_get(id, "build")));
	text = json_string_value(json_object_get(claims, "eat_nonce"));
	assert_int_equal(decode(text, strlen(text), nonce), CL_REPORT_NONCE_SIZE);
	assert_memory_equal(nonce, data, CL_REPORT_NONCE_SIZE);
	assert_int_equal(json_object_size(claims), 5);
	assert_null(zone("ear.appraisal-policy-id")); /* the policy has no name */
	assert_string_equal(json_string_value(zone("ear.status")), "affirming");
	expect_vector("instance-identity", 2);
	expect_vector("configuration", 2);
	expect_vector("executables", 2);
	expect_vector("hardware", 2);
	checks = zone("tag:cloister.example,2026:checks");
	assert_int_equal(json_array_size(checks), result.nr_checks);
	assert_string_equal(json_string_value(json_object_get(json_array_get(checks, 2), "name")),
			    "ak");
	assert_string_equal(
		json_string_value(json_object_get(
			json_object_get(zone("tag:cloister.example,2026:result"), "node"), "name")),
		"node-1");
}

static void policy_id(void **state)
{
	expect_affirming();
	result.has_policy_id = true;
	memset(result.policy_id, 0xa5, sizeof(result.policy_id));
	make();
	assert_string_equal(
		json_string_value(zone("ear.appraisal-policy-id")),
		"sha-256:a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5");
}

/* A status is never better than the worst claim of the vector (EAR, section 3.1). */
static void worse(void **state)
{
	policy.nr_digests = 0;
	assert_int_equal(forged_verdict(), CL_VERDICT_WARNING);
	make();
	assert_string_equal(json_string_value(zone("ear.status")), "warning");
	expect_vector("executables", 32);
	expect_vector("configuration", 2);
	forge_event_find(&forged, 4, 0x80000003)->measured = "an evil ima!";
	forged_verdict();
	make();
	assert_string_equal(json_string_value(zone("ear.status")), "contraindicated");
	expect_vector("executables", 96);
	expect_vector("instance-identity", 2);
	forged.cert.ca = FORGE_OTHER;
	forged_verdict();
	make();
	expect_vector("instance-identity", 97);
}

static void test_tpm(void **state)
{
	forged.cert.policies = CL_OID_TEST_TPM;
	policy.accept_test_tpm = true;
	expect_affirming();
	make();
	expect_vector("hardware", 0); /* no claim */
	policy.accept_test_tpm = false;
	forged_verdict();
	make();
	expect_vector("hardware", 97);
}

static void no_evidence_at_all(void **state)
{
	verdict_of(data, sizeof(data));
	make();
	assert_string_equal(json_string_value(zone("ear.status")), "contraindicated");
	expect_vector("instance-identity", 99);
	assert_int_equal(json_object_size(zone("ear.trustworthiness-vector")), 1);
	assert_null(json_object_get(claims, "eat_nonce"));
}

/* Every check that there is has a place in the vector. */
static void every_check_counts(void **state)
{
	static struct cl_verdict_result one;

	expect_affirming();
	for (size_t i = 0; i < result.nr_checks; i++) {
		struct cl_verdict_result all = result;

		one = (struct cl_verdict_result){.verdict = CL_VERDICT_CONTRAINDICATED,
						 .nr_checks = 1};
		one.checks[0] = all.checks[i];
		one.checks[0].status = CL_CHECK_FAIL;
		result = one;
		make();
		assert_int_equal(json_object_size(zone("ear.trustworthiness-vector")), 1);
		result = all;
	}
}

static void bad_keys(void **state)
{
	static const char *const pems[] = {NULL, "", "x", "-----BEGIN PRIVATE KEY-----\n"};
	char error[CL_ERROR_SIZE];

	expect_affirming();
	for (size_t i = 0; i < COUNT(pems); i++) {
		assert_null(cl_ear_jwt(&result, pems[i], 0, error));
		assert_non_null(strstr(error, "no unencrypted P-256 private key"));
	}
	assert_null(cl_ear_jwt(&result, forge_ca_pem(FORGE_THIS), 0, error));
	assert_null(cl_ear_jwt(NULL, forge_key_pem(), 0, error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(affirming, evidence_setup, teardown),
		cmocka_unit_test_setup_teardown(policy_id, evidence_setup, teardown),
		cmocka_unit_test_setup_teardown(worse, evidence_setup, teardown),
		cmocka_unit_test_setup_teardown(test_tpm, evidence_setup, teardown),
		cmocka_unit_test_setup_teardown(no_evidence_at_all, evidence_setup, teardown),
		cmocka_unit_test_setup_teardown(every_check_counts, evidence_setup, teardown),
		cmocka_unit_test_setup_teardown(bad_keys, evidence_setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
