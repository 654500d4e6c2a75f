// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: bundles of evidence, whole. Raw bytes, a good bundle with bytes changed, and
// any event log or attestation that an enrolled TPM has rightly signed: what a forger cannot reach,
// the parsers behind the signatures still have to bear.
#include <openssl/evp.h>

#include <cloister/verify.h>
#include "eventlog.h"
#include "evidence_forge.h"
#include "fuzz.h"

enum mode { RAW, CHANGED, LOG, ATTEST, NR_MODES };

static uint8_t good[CL_EVIDENCE_MAX];
static size_t good_size;
static struct cl_verdict_result good_result;
static struct cl_verifier *verifier;
static struct evidence_forge forged;
static uint8_t data[CL_REPORT_DATA] = {1, 2, 3}, digest[CL_DIGEST_SIZE] = {4, 5, 6};
static const uint8_t *spki = data + CL_REPORT_NONCE_SIZE;

static void set_up(void)
{
	static const char *const commands[] = {"kernel_cmdline: console=ttyS0"};
	static const char *cas[1], *crls[1];
	static uint8_t pcrs[2][1][CL_PCR_SIZE], image[1][CL_HASH_SIZE], digests[1][CL_DIGEST_SIZE];
	static struct cl_policy policy;
	char error[CL_ERROR_SIZE];

	evidence_forge_default(&forged, data, digest);
	good_size = evidence_forge_make(&forged, good, sizeof(good));
	cas[0] = forge_ca_pem(FORGE_THIS);
	crls[0] = forge_crl_pem(FORGE_THIS, 0, FORGE_NOW - 1, FORGE_NOW + 1);
	memcpy(pcrs[0][0], forged.pcr[0], CL_PCR_SIZE);
	memcpy(pcrs[1][0], forged.pcr[2], CL_PCR_SIZE);
	memcpy(digests[0], digest, sizeof(digest));
	policy = (struct cl_policy){
		.size = sizeof(policy),
		.digests = (const uint8_t(*)[CL_DIGEST_SIZE])digests,
		.nr_digests = 1,
		.require_iommu = true,
		.cas = cas,
		.nr_cas = 1,
		.crls = crls,
		.nr_crls = 1,
		.firmware = (const uint8_t(*)[CL_PCR_SIZE])pcrs[0],
		.nr_firmware = 1,
		.option_roms = (const uint8_t(*)[CL_PCR_SIZE])pcrs[1],
		.nr_option_roms = 1,
		.boot_images = (const uint8_t(*)[CL_HASH_SIZE])image,
		.nr_boot_images = 1,
		.boot_commands = commands,
		.nr_boot_commands = sizeof(commands) / sizeof(commands[0]),
		.now = FORGE_NOW,
	};
	EVP_Digest(FORGE_IMAGE, strlen(FORGE_IMAGE), image[0], NULL, EVP_sha256(), NULL);
	require(cl_verifier_create(&policy, &verifier, error) == 0);
	require(cl_verifier_check(verifier, good, good_size, data, spki, &good_result) == 0);
	require(good_result.verdict == CL_VERDICT_AFFIRMING);
}

static enum cl_check_status status_of(const struct cl_verdict_result *r, const char *name)
{
	for (size_t i = 0; i < r->nr_checks; i++)
		if (strcmp(r->checks[i].name, name) == 0)
			return r->checks[i].status;
	return CL_CHECK_FAIL;
}

static void check(const uint8_t *bundle, size_t size, struct cl_verdict_result *r)
{
	static const struct cl_report no_report;
	static const struct cl_node no_node;
	uint8_t *copy = exact_copy(bundle, size);

	require(cl_verifier_check(verifier, copy, size, data, spki, r) == 0);
	free(copy);
	require(r->nr_checks > 0 && r->nr_checks <= CL_CHECKS_MAX);
	require(r->verdict == CL_VERDICT_AFFIRMING || r->verdict == CL_VERDICT_CONTRAINDICATED);
	if (!r->authentic)
		require(memcmp(&r->report, &no_report, sizeof(no_report)) == 0);
	if (!r->proven)
		require(memcmp(&r->node, &no_node, sizeof(no_node)) == 0);
	require(r->verdict != CL_VERDICT_AFFIRMING || (r->authentic && r->proven));
	for (size_t i = 0; i < r->nr_checks; i++)
		for (const char *c = r->checks[i].reason; *c; c++)
			require((unsigned char)*c >= ' ' && *c != 0x7f);
}

/* Nobody else can sign with the forge's keys: nothing made of the outside is good. */
static void raw(struct input *in)
{
	static struct cl_verdict_result r;
	struct cl_evidence parts;
	char error[CL_ERROR_SIZE];

	check(in->at, in->left, &r);
	require(r.verdict == CL_VERDICT_CONTRAINDICATED);
	if (cl_evidence_unpack(in->at, in->left, &parts, error) == 0) {
		/* There is one encoding only. */
		uint8_t *again = malloc(in->left);

		require(cl_evidence_pack(&parts, again, in->left) == (int)in->left);
		require(memcmp(again, in->at, in->left) == 0);
		free(again);
	}
}

/* Some bytes of the good one: refused, or only what the event log says beside its digests. */
static void changed(struct input *in)
{
	static struct cl_verdict_result r;
	static uint8_t bundle[sizeof(good)];
	struct cl_evidence parts;
	char error[CL_ERROR_SIZE];
	size_t size = good_size, log_at;

	memcpy(bundle, good, good_size);
	while (in->left >= 4) {
		size_t at = (size_t)take(in, 2) % good_size;

		bundle[at] ^= (uint8_t)take(in, 1);
		if (take(in, 1) == 0xff) /* and now and then another length */
			size = at;
	}
	check(bundle, size, &r);
	if (r.verdict == CL_VERDICT_CONTRAINDICATED)
		return;
	require(size == good_size);
	require(cl_evidence_unpack(good, good_size, &parts, error) == 0);
	log_at = (size_t)(parts.boot_log - good);
	require(memcmp(bundle, good, log_at) == 0);
	require(memcmp(&r, &good_result, sizeof(r)) == 0);
}

/* A second reading of PCR 4, by the digests alone: how often is the image's among them? */
static size_t count_digest(const uint8_t *log, size_t size, const uint8_t *image)
{
	size_t n = 0;

	for (size_t i = 0; i + CL_HASH_SIZE <= size; i++)
		n += memcmp(log + i, image, CL_HASH_SIZE) == 0;
	return n;
}

static void sign_and_check(struct cl_evidence *parts, const uint8_t *attest, size_t attest_size,
			   struct cl_verdict_result *r)
{
	static uint8_t bundle[CL_EVIDENCE_MAX];
	uint8_t signature[256];
	int size;

	parts->attest = attest;
	parts->attest_size = attest_size;
	parts->signature = signature;
	parts->signature_size =
		forge_signature(&forged, attest, attest_size, signature, sizeof(signature));
	size = cl_evidence_pack(parts, bundle, sizeof(bundle));
	if (size > 0)
		check(bundle, (size_t)size, r);
}

/* Any log, and a TPM that has seen just that. */
static void any_log(struct input *in)
{
	static struct cl_verdict_result r;
	uint8_t pcrs[CLV_LOG_PCRS][CL_PCR_SIZE], attest[512];
	char reason[CL_REASON_SIZE], error[CL_ERROR_SIZE];
	struct cl_evidence parts;
	uint8_t *log = exact_copy(in->at, in->left);

	r.nr_checks = 0;
	if (clv_log_replay(log, in->left, pcrs, reason) == 0) {
		memcpy(forged.pcr, pcrs, sizeof(pcrs));
		memcpy(forged.pcr[13], good_result.node.pcrs[6], CL_PCR_SIZE);
		require(cl_evidence_unpack(good, good_size, &parts, error) == 0);
		for (size_t i = 0, n = 0; i < CLV_LOG_PCRS; i++)
			if (CL_QUOTE_PCRS & 1u << i)
				memcpy(parts.pcrs[n++], forged.pcr[i], CL_PCR_SIZE);
		parts.boot_log = log;
		parts.boot_log_size = in->left;
		sign_and_check(&parts, attest, forge_attest(&forged, attest, sizeof(attest)), &r);
	}
	if (r.nr_checks && in->left <= CL_BOOT_LOG_MAX) {
		require(status_of(&r, "quote") == CL_CHECK_PASS);
		require(status_of(&r, "boot-log") == CL_CHECK_PASS);
		require(status_of(&r, "boot-image") == CL_CHECK_FAIL ||
			count_digest(log, in->left, r.node.boot_image) >= 1);
	}
	free(log);
}

/* Any bytes, signed by the AK: it is no quote of another form. */
static void any_attest(struct input *in)
{
	static struct cl_verdict_result r;
	struct cl_evidence parts;
	char error[CL_ERROR_SIZE];

	if (in->left == 0 || in->left > CL_QUOTE_ATTEST_MAX)
		return;
	r.nr_checks = 0;
	require(cl_evidence_unpack(good, good_size, &parts, error) == 0);
	uint8_t *attest = exact_copy(in->at, in->left);
	sign_and_check(&parts, attest, in->left, &r);
	/* To answer this nonce with these PCRs takes at least their bytes. */
	if (r.verdict == CL_VERDICT_AFFIRMING)
		require(in->left == parts.attest_size &&
			memcmp(in->at, "\xff\x54\x43\x47\x80\x18", 6) == 0);
	free(attest);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input in = {.at = bytes, .left = size};

	if (!verifier)
		set_up();
	switch ((enum mode)(take(&in, 1) % NR_MODES)) {
	case RAW:
		raw(&in);
		break;
	case CHANGED:
		changed(&in);
		break;
	case LOG:
		any_log(&in);
		break;
	case ATTEST:
		any_attest(&in);
		break;
	case NR_MODES:
		break;
	}
	return 0;
}
