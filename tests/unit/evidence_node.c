// SPDX-License-Identifier: Apache-2.0
// Evidence: which node is it, has the CA enrolled it, did its TPM sign the quote, is it fresh?
#include <errno.h>

#include "evidence_test.h"

static void good_evidence_is_affirmed(void **state)
{
	static const char *const names[] = {
		"format",	 "signature",	 "ak",	       "test-tpm",    "quote",
		"nonce",	 "boot-log",	 "firmware",   "option-roms", "boot-image",
		"boot-commands", "core-key",	 "root",       "digest",      "tls-key",
		"debug",	 "policy",	 "vcpus",      "memory",      "window",
		"idle",		 "core-version", "core-build", "iommu",	      "remapping",
	};
	static const uint8_t ek[CL_HASH_SIZE] = {0x00, 0x11, 0x22};

	expect_affirming();
	assert_int_equal(result.nr_checks, COUNT(names));
	for (size_t i = 0; i < COUNT(names); i++)
		assert_string_equal(result.checks[i].name, names[i]);
	assert_true(result.authentic);
	assert_true(result.proven);
	assert_string_equal(result.node.name, "node-1");
	assert_memory_equal(result.node.ek, ek, 3);
	assert_false(result.node.test_tpm);
	assert_int_equal(result.node.ak_until, forged.cert.until);
	assert_memory_equal(result.node.pcrs[0], forged.pcr[0], CL_PCR_SIZE);
	assert_memory_equal(result.node.pcrs[6], forged.pcr[13], CL_PCR_SIZE);
	assert_memory_equal(result.node.boot_image, policy.boot_images[0], CL_HASH_SIZE);
}

static void empty_policy_knows_no_node(void **state)
{
	policy = (struct cl_policy){.size = sizeof(policy), .now = FORGE_NOW};
	expect_refused("ak", "names no CA");
	assert_false(result.proven);
}

static void what_is_not_asked_for_is_unproven(void **state)
{
	policy.nr_crls = policy.nr_firmware = policy.nr_option_roms = policy.nr_boot_images =
		policy.nr_boot_commands = 0;
	policy.nonce = NULL;
	assert_int_equal(forged_verdict(), CL_VERDICT_WARNING);
	expect_status("ak", CL_CHECK_WARN, "no CRL: it may be revoked");
	expect_status("firmware", CL_CHECK_WARN, "the policy names no firmware (PCR 0): it is ");
	expect_status("option-roms", CL_CHECK_WARN, "names no option ROMs");
	expect_status("boot-image", CL_CHECK_WARN, "names no boot image");
	expect_status("boot-commands", CL_CHECK_WARN, "GRUB may have done anything");
	expect_status("nonce", CL_CHECK_WARN, "may be old");
}

/* ---- the AK's certificate ---- */

static void unenrolled(void **state)
{
	static const struct cl_node no_node;

	forged.cert.ca = FORGE_OTHER;
	expect_refused("ak", "no CA of the policy issued it: this TPM is not enrolled");
	assert_false(result.proven);
	assert_memory_equal(&result.node, &no_node, sizeof(no_node));
	/* Another CA's signature under this one's name. */
	forged.cert.issuer = "Test CA";
	expect_refused("ak", "did not sign it");
	/* The policy may know several CAs. */
	forged.cert.issuer = NULL;
	cas[1] = forge_ca_pem(FORGE_OTHER);
	crls[1] = forge_crl_pem(FORGE_OTHER, 0, FORGE_NOW - 1, FORGE_NOW + 1);
	policy.nr_cas = policy.nr_crls = 2;
	expect_affirming();
	policy.nr_crls = 1;
	expect_refused("ak", "none of the CA that issued it");
}

static void time_of_certificates(void **state)
{
	policy.now = forged.cert.until - 1;
	crls[0] = forge_crl_pem(FORGE_THIS, 0, FORGE_NOW - 1, FORGE_NOW + 200 * FORGE_DAY);
	expect_affirming();
	policy.now = forged.cert.until;
	expect_refused("ak", "it was valid until 2027-02-14: renew it");
	policy.now = forged.cert.from - 1;
	crls[0] = forge_crl_pem(FORGE_THIS, 0, FORGE_NOW - 9 * FORGE_DAY, FORGE_NOW);
	expect_refused("ak", "it is not valid before 2027-01-14");
	policy.now = forged.cert.from;
	expect_affirming();
	/* The CA's own. */
	forged.cert.until = FORGE_NOW + 300 * FORGE_DAY;
	crls[0] = forge_crl_pem(FORGE_THIS, 0, FORGE_NOW - 1, FORGE_NOW + 200 * FORGE_DAY);
	policy.now = FORGE_NOW + 100 * FORGE_DAY;
	expect_refused("ak", "the certificate of its CA was valid until 2027-04-25");
}

static void system_clock_is_the_default(void **state)
{
	time_t now = time(NULL);

	policy.now = 0;
	forged.cert.from = now - 10;
	forged.cert.until = now + 3600;
	crls[0] = forge_crl_pem(FORGE_THIS, 0, now - 10, now + 3600);
	forged_verdict();
	/* Whether the forge's CA is in time depends on when this runs; the AK's certificate is. */
	if (now > FORGE_NOW - 100 * FORGE_DAY && now < FORGE_NOW + 100 * FORGE_DAY)
		assert_int_equal(result.verdict, CL_VERDICT_AFFIRMING);
	else
		expect_only_failure("ak", "the certificate of its CA");
}

static void revoked(void **state)
{
	crls[0] = forge_crl_pem(FORGE_THIS, 7, FORGE_NOW - 1, FORGE_NOW + 1);
	expect_refused("ak", "the CA revoked it on 2027-01-15");
	crls[0] = forge_crl_pem(FORGE_THIS, 8, FORGE_NOW - 1, FORGE_NOW + 1);
	expect_affirming();
	/* Two lists: the newer one does not take back what the older one says. */
	crls[0] = forge_crl_pem(FORGE_THIS, 7, FORGE_NOW - FORGE_DAY, FORGE_NOW - 1);
	crls[1] = forge_crl_pem(FORGE_THIS, 0, FORGE_NOW - 1, FORGE_NOW + 1);
	policy.nr_crls = 2;
	expect_refused("ak", "the CA revoked it");
}

static void time_of_crls(void **state)
{
	crls[0] = forge_crl_pem(FORGE_THIS, 0, FORGE_NOW - FORGE_DAY, FORGE_NOW);
	expect_refused("ak", "the CRL of its CA was good until 2027-01-15: get a new one");
	crls[0] = forge_crl_pem(FORGE_THIS, 0, FORGE_NOW + 1, FORGE_NOW + FORGE_DAY);
	expect_refused("ak", "the CRL of its CA");
	/* An old one beside a current one does no harm. */
	crls[0] = forge_crl_pem(FORGE_THIS, 0, FORGE_NOW - FORGE_DAY, FORGE_NOW - 1);
	crls[1] = forge_crl_pem(FORGE_THIS, 0, FORGE_NOW - 1, FORGE_NOW + FORGE_DAY);
	policy.nr_crls = 2;
	expect_affirming();
}

static void form_of_certificates(void **state)
{
	static const struct {
		struct forge_cert with; /* what is set replaces the default */
		const char *reason;
	} cases[] = {
		{{.version = 0}, "not of version 3"},
		{{.key_type = "P-384"}, "its key is not on P-256"},
		{{.key_type = "RSA"}, "its key is not on P-256"},
		{{.usage = "none"}, "its key usage is not digitalSignature alone, critical"},
		{{.usage = "digitalSignature"}, "its key usage"},
		{{.usage = "critical,digitalSignature,keyEncipherment"}, "its key usage"},
		{{.usage = "critical,keyAgreement"}, "its key usage"},
		{{.eku = "none"}, "its extended key usage is not 2.23.133.8.3"},
		{{.eku = "2.23.133.8.1"}, "its extended key usage"},
		{{.eku = "2.23.133.8.3,serverAuth"}, "its extended key usage"},
		{{.constraints = "critical,CA:TRUE"}, "CA's certificate"},
		{{.name = ""}, "its subject does not have one common name"},
		{{.name = "node 1"}, "its common name has unprintable characters"},
		{{.name = "node\x1b[2J"}, "its common name has unprintable characters"},
		{{.ek = "none"}, "does not have one serialNumber"},
		{{.ek = "00"}, "is not SHA-256 of an endorsement key"},
		{{.ek = "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"},
		 "is not SHA-256 of an endorsement key"},
		{{.unknown = "1.3.6.1.4.1.55555.1"}, "unhandled critical extension"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct forge_cert *with = &cases[i].with;
		struct forge_cert *c = &forged.cert;

		evidence_forge_default(&forged, data, digest);
		if (with->key_type)
			c->key_type = with->key_type;
		if (with->usage)
			c->usage = strcmp(with->usage, "none") == 0 ? NULL : with->usage;
		if (with->eku)
			c->eku = strcmp(with->eku, "none") == 0 ? NULL : with->eku;
		if (with->constraints)
			c->constraints = with->constraints;
		if (with->name)
			c->name = with->name;
		if (with->ek)
			c->ek = strcmp(with->ek, "none") == 0 ? NULL : with->ek;
		c->unknown = with->unknown;
		if (i == 0) /* the case of a version; 0 is version 1 */
			c->version = with->version;
		forged_verdict();
		expect_status("ak", CL_CHECK_FAIL, cases[i].reason);
		assert_int_equal(result.verdict, CL_VERDICT_CONTRAINDICATED);
		assert_false(result.proven);
	}
}

static void test_tpm(void **state)
{
	forged.cert.policies = CL_OID_TEST_TPM;
	expect_refused("test-tpm", "a software TPM: whoever runs it can make it say anything");
	policy.accept_test_tpm = true;
	expect_affirming();
	expect_status("test-tpm", CL_CHECK_PASS, "proves nothing about a machine");
	assert_true(result.node.test_tpm);
	/* Among others, too. */
	policy.accept_test_tpm = false;
	forged.cert.policies = "1.3.6.1.4.1.55555.2," CL_OID_TEST_TPM;
	expect_refused("test-tpm", "a software TPM");
	forged.cert.policies = "1.3.6.1.4.1.55555.2";
	expect_affirming();
}

static void policy_with_bad_trust(void **state)
{
	char error[CL_ERROR_SIZE];
	struct cl_verifier *v;

	cas[0] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
	assert_int_equal(cl_verifier_create(&policy, &v, error), -EINVAL);
	assert_null(v);
	assert_string_equal(error, "CA number 1 of the policy is not one CA certificate in PEM");
	cas[0] = forge_ca_pem(FORGE_THIS);
	crls[0] = cas[0];
	assert_int_equal(cl_verifier_create(&policy, &v, error), -EINVAL);
	assert_non_null(strstr(error, "CRL number 1 of the policy is not one whole CRL in PEM"));
	/* Signed by a CA that the policy does not name. */
	crls[0] = forge_crl_pem(FORGE_OTHER, 0, FORGE_NOW - 1, FORGE_NOW + 1);
	assert_int_equal(cl_verifier_create(&policy, &v, error), -EINVAL);
	/* By one that may not. */
	cas[0] = forge_ca_pem(FORGE_CRL_LESS);
	crls[0] = forge_crl_pem(FORGE_CRL_LESS, 0, FORGE_NOW - 1, FORGE_NOW + 1);
	assert_int_equal(cl_verifier_create(&policy, &v, error), -EINVAL);
	assert_non_null(strstr(error, "is not one whole CRL"));
	/* Not of all certificates: one that it does not speak of would pass as good. */
	cas[0] = forge_ca_pem(FORGE_THIS);
	crls[0] = forge_partial_crl_pem();
	assert_int_equal(cl_verifier_create(&policy, &v, error), -EINVAL);
	assert_non_null(strstr(error, "is not one whole CRL"));
	/* Two in one: the second would be overlooked. */
	crls[0] = forge_crl_pem(FORGE_THIS, 0, FORGE_NOW - 1, FORGE_NOW + 1);
	char two[8192];
	snprintf(two, sizeof(two), "%s%s", crls[0], crls[0]);
	crls[0] = two;
	assert_int_equal(cl_verifier_create(&policy, &v, error), -EINVAL);
	assert_int_equal(cl_verify_evidence(data, sizeof(data), &policy, &result), -EINVAL);
	assert_int_equal(result.verdict, CL_VERDICT_CONTRAINDICATED);
}

/* ---- the quote ---- */

static void swapped_ak(void **state)
{
	forged.signer = FORGE_OTHER;
	expect_refused("quote", "the AK did not sign it");
	assert_false(result.proven);
	/* With that AK's own certificate it would be good. */
	forged.cert.ak = FORGE_OTHER;
	expect_affirming();
}

#define EXPECT_QUOTE(field, value, why)                                                            \
	do {                                                                                       \
		evidence_forge_default(&forged, data, digest);                                     \
		forged.field = (value);                                                            \
		expect_refused("quote", why);                                                      \
		assert_false(result.proven);                                                       \
	} while (0)

static void form_of_quotes(void **state)
{
	EXPECT_QUOTE(magic, 0xff544346, "its magic is 0xff544346: no TPM made it");
	EXPECT_QUOTE(attest_type, 0x8017, "of type 0x8017, not a quote");
	EXPECT_QUOTE(attest_type, 0x801a, "of type 0x801a, not a quote");
	EXPECT_QUOTE(banks, 0, "it quotes 0 banks");
	EXPECT_QUOTE(banks, 2, "it quotes 2 banks");
	EXPECT_QUOTE(bank, 0x0004, "it quotes PCRs of bank 0x0004");
	EXPECT_QUOTE(bank, 0x000c, "it quotes PCRs of bank 0x000c");
	EXPECT_QUOTE(select_size, 2, "2 bytes");
	EXPECT_QUOTE(select_size, 4, "4 bytes");
	EXPECT_QUOTE(select, CL_QUOTE_PCRS & ~(1u << 13), "it quotes PCRs 0x000395, not 0x002395");
	EXPECT_QUOTE(select, CL_QUOTE_PCRS | 1u << 23, "it quotes PCRs 0x802395");
	EXPECT_QUOTE(select, 0, "it quotes PCRs 0x000000");
	EXPECT_QUOTE(nonce_size, 0, "its nonce has 0 bytes");
	EXPECT_QUOTE(nonce_size, 31, "its nonce has 31 bytes, not 32");
	EXPECT_QUOTE(nonce_size, 64, "its nonce has 64 bytes");
	EXPECT_QUOTE(attest_junk, 1, "1 bytes follow its end");
	EXPECT_QUOTE(sig_alg, 0x0014, "algorithm 0x0014 with hash 0x000b");
	EXPECT_QUOTE(sig_alg, 0x0010, "algorithm 0x0010");
	EXPECT_QUOTE(sig_hash, 0x0004, "hash 0x0004");
	EXPECT_QUOTE(number_size, 0, "its signature is malformed");
	EXPECT_QUOTE(number_size, 33, "its signature is malformed");
	EXPECT_QUOTE(number_size, 31, "the AK did not sign it");
	EXPECT_QUOTE(signature_junk, 1, "1 bytes follow its signature");
	for (int pcr = 0; pcr < 24; pcr++)
		if (CL_QUOTE_PCRS & 1u << pcr)
			EXPECT_QUOTE(lie_pcr, pcr, "not those that it quotes");
}

/* ---- the nonce ---- */

static void stale(void **state)
{
	uint8_t other[CL_EVIDENCE_NONCE_SIZE] = {1};

	policy.nonce = other;
	expect_refused("nonce", "it does not answer the nonce");
	/* A fresh quote with an old report, and the other way round. */
	memcpy(forged.nonce, other, sizeof(other));
	expect_refused("nonce", "different nonces: they do not belong together");
	policy.nonce = data;
	expect_refused("nonce", "different nonces: they do not belong together");
	policy.nonce = NULL;
	expect_refused("nonce", "different nonces: they do not belong together");
}

/* ---- the node alone ---- */

static void node_alone(void)
{
	static uint8_t bundle[CL_EVIDENCE_MAX];
	size_t size = evidence_forge_make(&forged, bundle, sizeof(bundle));

	assert_int_equal(cl_verify_node(bundle, size, &policy, &result), 0);
	/* Of a zone it says nothing. */
	assert_false(result.authentic);
}

static void expect_node(enum cl_verdict verdict, size_t nr_checks)
{
	node_alone();
	assert_int_equal(result.verdict, verdict);
	assert_int_equal(result.nr_checks, nr_checks);
	assert_true(result.proven);
	assert_string_equal(result.node.name, "node-1");
	assert_memory_equal(result.node.pcrs[0], forged.pcr[0], CL_PCR_SIZE);
	assert_memory_equal(result.node.pcrs[1], forged.pcr[2], CL_PCR_SIZE);
}

static void expect_no_node(const char *name, const char *reason)
{
	static const struct cl_node no_node;

	node_alone();
	expect_only_failure(name, reason);
	assert_false(result.proven);
	assert_memory_equal(&result.node, &no_node, sizeof(no_node));
}

static void good_node(void **state)
{
	static const char *const names[] = {"format", "ak", "test-tpm", "quote", "nonce"};
	static const uint8_t id[CL_HASH_SIZE] = {0x1d};

	policy.id = id;
	/* With a zone's report, and without one. */
	for (int i = 0; i < 2; i++) {
		forged.no_report = i;
		expect_node(CL_VERDICT_AFFIRMING, COUNT(names));
		for (size_t n = 0; n < COUNT(names); n++)
			assert_string_equal(result.checks[n].name, names[n]);
		expect_status("nonce", CL_CHECK_PASS, "the quote answers the nonce");
		assert_true(result.has_policy_id);
		assert_memory_equal(result.policy_id, id, sizeof(id));
	}
	/* Nobody has to ask for a nonce, or name a policy. */
	policy.nonce = NULL;
	policy.id = NULL;
	expect_node(CL_VERDICT_AFFIRMING, COUNT(names) - 1);
	assert_false(result.has_policy_id);
}

static void node_that_may_be_revoked(void **state)
{
	forged.no_report = true;
	policy.nr_crls = 0;
	expect_node(CL_VERDICT_WARNING, 5);
	expect_status("ak", CL_CHECK_WARN, "no CRL: it may be revoked");
}

static void bad_node(void **state)
{
	static const uint8_t other[CL_EVIDENCE_NONCE_SIZE] = {1};

	forged.no_report = true;
	policy.nonce = other;
	expect_no_node("nonce", "the quote does not answer the nonce");
	policy.nonce = data;
	forged.signer = FORGE_OTHER;
	expect_no_node("quote", "the AK did not sign it");
	evidence_forge_default(&forged, data, digest);
	forged.cert.ca = FORGE_OTHER;
	expect_no_node("ak", "this TPM is not enrolled");
	evidence_forge_default(&forged, data, digest);
	forged.cert.policies = CL_OID_TEST_TPM;
	expect_no_node("test-tpm", "a software TPM");
	assert_int_equal(cl_verify_node(data, sizeof(data), &policy, &result), 0);
	expect_only_failure("format", "this is no evidence");
	assert_int_equal(cl_verify_node(NULL, 0, &policy, &result), -EINVAL);
	assert_int_equal(result.verdict, CL_VERDICT_CONTRAINDICATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(good_evidence_is_affirmed, evidence_setup),
		cmocka_unit_test_setup(empty_policy_knows_no_node, evidence_setup),
		cmocka_unit_test_setup(what_is_not_asked_for_is_unproven, evidence_setup),
		cmocka_unit_test_setup(unenrolled, evidence_setup),
		cmocka_unit_test_setup(time_of_certificates, evidence_setup),
		cmocka_unit_test_setup(system_clock_is_the_default, evidence_setup),
		cmocka_unit_test_setup(revoked, evidence_setup),
		cmocka_unit_test_setup(time_of_crls, evidence_setup),
		cmocka_unit_test_setup(form_of_certificates, evidence_setup),
		cmocka_unit_test_setup(test_tpm, evidence_setup),
		cmocka_unit_test_setup(policy_with_bad_trust, evidence_setup),
		cmocka_unit_test_setup(swapped_ak, evidence_setup),
		cmocka_unit_test_setup(form_of_quotes, evidence_setup),
		cmocka_unit_test_setup(stale, evidence_setup),
		cmocka_unit_test_setup(good_node, evidence_setup),
		cmocka_unit_test_setup(node_that_may_be_revoked, evidence_setup),
		cmocka_unit_test_setup(bad_node, evidence_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
