// SPDX-License-Identifier: Apache-2.0
#include "tpm/attach.h"

#include <bearssl.h>

#include "evidence/report_key.h"
#include "evidence/root.h"
#include "lib/cmdline.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "tpm/command.h"
#include "tpm/interface.h"

#define PCR_CORE    13u
#define POLICY_PCRS (1u << 0 | 1u << 2 | 1u << 4 | 1u << PCR_CORE)
#define NR_PCRS	    4u
#define AT_PCR_CORE 3u /* of those */
#define ROOT_TEXT   40u

static const char cap_text[] = "cloister cap 1";

static void hash2(uint8_t digest[TPM_HASH_SIZE], const void *a, size_t a_size, const void *b,
		  size_t b_size)
{
	br_sha256_context sha;

	br_sha256_init(&sha);
	br_sha256_update(&sha, a, a_size);
	br_sha256_update(&sha, b, b_size);
	br_sha256_out(&sha, digest);
}

/* The sealing root, out of the TPM with these values in its PCRs. */
static int get_root(uint8_t values[NR_PCRS][TPM_HASH_SIZE], const char *iommu,
		    uint8_t secret[ROOT_SIZE])
{
	char text[ROOT_TEXT];
	uint8_t digest[TPM_HASH_SIZE], policy[TPM_HASH_SIZE];
	uint32_t key;
	int r;

	hash2(digest, values, NR_PCRS * sizeof(*values), "", 0);
	tpm_policy_pcr_digest(POLICY_PCRS, digest, policy);
	r = tpm_create_hmac_key(policy, &key);
	if (r)
		return r;
	format(text, sizeof(text), "cloister root 1, iommu %s", iommu);
	r = tpm_hmac(key, POLICY_PCRS, text, secret);
	if (tpm_flush(key) && !r)
		r = -CL_EIO;
	return r;
}

static int make_root(uint8_t values[NR_PCRS][TPM_HASH_SIZE], const char *iommu)
{
	uint8_t secret[ROOT_SIZE], x[32], y[32];
	uint32_t key;
	int r = get_root(values, iommu, secret);

	if (!r)
		r = tpm_create_storage_key(&key, x, y);
	if (!r)
		r = tpm_flush(key);
	if (!r)
		root_keep(secret, x, y);
	secure_zero(secret, sizeof(secret));
	return r;
}

/* Extend PCR 13 by the report key and the cap, and see that it is that and nothing else. */
static int close_door(void)
{
	uint8_t key[TPM_HASH_SIZE], cap[TPM_HASH_SIZE], want[TPM_HASH_SIZE], have[1][TPM_HASH_SIZE];
	static const uint8_t zero[TPM_HASH_SIZE];
	int r;

	hash2(key, report_key_public(), REPORT_KEY_PUBLIC_SIZE, NULL, 0);
	hash2(cap, cap_text, sizeof(cap_text) - 1, NULL, 0);
	hash2(want, zero, sizeof(zero), key, sizeof(key));
	hash2(want, want, sizeof(want), cap, sizeof(cap));
	r = tpm_pcr_extend(PCR_CORE, key);
	if (!r)
		r = tpm_pcr_extend(PCR_CORE, cap);
	if (!r)
		r = tpm_pcr_read(1u << PCR_CORE, have);
	if (!r && memcmp(have[0], want, sizeof(want)))
		r = -CL_EIO;
	return r;
}

static const char *use_tpm(const char *iommu)
{
	uint8_t values[NR_PCRS][TPM_HASH_SIZE];
	static const uint8_t zero[TPM_HASH_SIZE];
	int r = tpm_pcr_read(POLICY_PCRS, values);

	if (r == -CL_ENOENT) {
		log_warn("root: none: the TPM has no SHA-256 bank; choose it in the firmware");
		return NULL;
	}
	if (!r && memcmp(values[AT_PCR_CORE], zero, sizeof(zero))) {
		log_warn("root: none: PCR 13 is not zero: not the Core, or not first, was here");
		return NULL;
	}
	/* From here on the policy can be met, as long as PCR 13 is zero: by the host as well. */
	if (!r)
		r = make_root(values, iommu);
	if (r == -CL_EPERM)
		log_warn("sealing: no: the TPM refuses (0x%x); is its owner's password empty?",
			 tpm_refused);
	else if (r)
		log_warn("sealing: no: the TPM does not answer as it should (error %d)", r);
	if (close_door()) {
		root_wipe();
		return "the TPM's PCR 13 cannot be extended, so the host could get the Core's "
		       "secret; turn the machine off and on";
	}
	root_vouched();
	log_info("root: tpm, in PCR 13; sealing: %s", root_seals() ? "yes" : "no");
	return NULL;
}

const char *tpm_attach(const struct boot_info *bi, const char *iommu)
{
	struct tpm_place place;
	const char *why;

	if (cmdline_is(bi->cmdline, "tpm", "none")) {
		log_info("root: none: the Core's command line says so");
		return NULL;
	}
	why = tpm_locate(bi->rsdp, &place);
	if (why)
		return why;
	if (tpm_open(&place, bi->core_base, bi->core_size))
		return "the TPM does not answer, or not by the interface that ACPI tells of; turn "
		       "the machine off and on, or the TPM off in the firmware and give the Core "
		       "\"tpm=none\"";
	why = use_tpm(iommu);
	tpm_wipe();
	tpm_close();
	return why;
}
