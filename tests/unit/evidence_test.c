// SPDX-License-Identifier: Apache-2.0
// What the tests of evidence share.
#include "evidence_test.h"

#include <openssl/rand.h>
#include <openssl/sha.h>

struct evidence_forge forged;
struct cl_policy policy;
struct cl_verdict_result result;
uint8_t data[CL_REPORT_DATA], digest[CL_DIGEST_SIZE];
const char *cas[2], *crls[2];

static uint8_t firmware[2][CL_PCR_SIZE], option_roms[2][CL_PCR_SIZE], images[2][CL_HASH_SIZE];

/* The first is the forge's, the second a prefix. */
static const char *const commands[] = {
	"kernel_cmdline: console=ttyS0",
	"kernel_cmdline: cloister-core *",
};

int evidence_setup(void **state)
{
	static const uint8_t builds[1][CL_BUILD_SIZE] = {{0xb1, 0xd0}};
	static uint8_t bundle[CL_EVIDENCE_MAX], digests[1][CL_DIGEST_SIZE];

	RAND_bytes(data, sizeof(data));
	RAND_bytes(digest, sizeof(digest));
	memcpy(digests[0], digest, sizeof(digest));
	evidence_forge_default(&forged, data, digest);
	evidence_forge_make(&forged, bundle, sizeof(bundle));
	RAND_bytes(firmware[0], sizeof(firmware[0]));
	memcpy(firmware[1], forged.pcr[0], sizeof(firmware[1]));
	memcpy(option_roms[1], forged.pcr[2], sizeof(option_roms[1]));
	SHA256((const uint8_t *)FORGE_IMAGE, strlen(FORGE_IMAGE), images[0]);
	cas[0] = forge_ca_pem(FORGE_THIS);
	crls[0] = forge_crl_pem(FORGE_THIS, 0, FORGE_NOW - FORGE_DAY, FORGE_NOW + FORGE_DAY);
	policy = (struct cl_policy){
		.size = sizeof(policy),
		.digests = (const uint8_t(*)[CL_DIGEST_SIZE])digests,
		.nr_digests = 1,
		.nonce = data,
		.spki = data + CL_REPORT_NONCE_SIZE,
		.core_version_min = "0.1.0",
		.require_iommu = true,
		.core_builds = builds,
		.nr_core_builds = 1,
		.cas = cas,
		.nr_cas = 1,
		.crls = crls,
		.nr_crls = 1,
		.firmware = (const uint8_t(*)[CL_PCR_SIZE])firmware,
		.nr_firmware = 2,
		.option_roms = (const uint8_t(*)[CL_PCR_SIZE])option_roms,
		.nr_option_roms = 2,
		.boot_images = (const uint8_t(*)[CL_HASH_SIZE])images,
		.nr_boot_images = 2,
		.boot_commands = commands,
		.nr_boot_commands = COUNT(commands),
		.now = FORGE_NOW,
	};
	return 0;
}

enum cl_verdict verdict_of(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, bytes, size);
	assert_int_equal(cl_verify_evidence(copy, size, &policy, &result), 0);
	free(copy);
	return result.verdict;
}

enum cl_verdict forged_verdict(void)
{
	static uint8_t bundle[2 * CL_EVIDENCE_MAX];

	return verdict_of(bundle, evidence_forge_make(&forged, bundle, sizeof(bundle)));
}

const struct cl_check *check_named(const char *name)
{
	for (size_t i = 0; i < result.nr_checks; i++)
		if (strcmp(result.checks[i].name, name) == 0)
			return &result.checks[i];
	fail_msg("no check %s", name);
	return NULL;
}

void expect_status(const char *name, enum cl_check_status status, const char *reason)
{
	const struct cl_check *check = check_named(name);

	if (check->status != status || !strstr(check->reason, reason))
		fail_msg("%s: %s: %s", name, cl_check_status_name(check->status), check->reason);
}

void expect_only_failure(const char *name, const char *reason)
{
	assert_int_equal(result.verdict, CL_VERDICT_CONTRAINDICATED);
	for (size_t i = 0; i < result.nr_checks; i++)
		if (result.checks[i].status == CL_CHECK_FAIL &&
		    strcmp(result.checks[i].name, name) != 0)
			fail_msg("%s: %s", result.checks[i].name, result.checks[i].reason);
	expect_status(name, CL_CHECK_FAIL, reason);
}

void expect_refused(const char *name, const char *reason)
{
	forged_verdict();
	expect_only_failure(name, reason);
}

void expect_affirming(void)
{
	if (forged_verdict() == CL_VERDICT_AFFIRMING)
		return;
	for (size_t i = 0; i < result.nr_checks; i++)
		if (result.checks[i].status >= CL_CHECK_WARN)
			fail_msg("%s: %s", result.checks[i].name, result.checks[i].reason);
}
