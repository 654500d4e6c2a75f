// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: any bytes, as a policy file. What is taken holds together: lists that can be
// read to their ends, texts that end, a verifier that can be made of it; and it is taken the same
// way twice.
#include <cloister/verify.h>
#include "fuzz.h"

static uint64_t sum_bytes(const void *list, size_t size)
{
	const uint8_t *bytes = list;
	uint64_t sum = size;

	for (size_t i = 0; i < size; i++)
		sum = sum * 31 + bytes[i];
	return sum;
}

static uint64_t sum_texts(const char *const *texts, size_t nr)
{
	uint64_t sum = nr;

	for (size_t i = 0; i < nr; i++) {
		require(texts[i] && *texts[i]);
		sum = sum * 31 + sum_bytes(texts[i], strlen(texts[i]));
	}
	return sum;
}

/* Reads all that the policy points to. */
static uint64_t sum_policy(const struct cl_policy *p)
{
	uint64_t sum = sum_bytes(p->digests, p->nr_digests * CL_DIGEST_SIZE);

	sum = sum * 31 + sum_bytes(p->firmware, p->nr_firmware * CL_PCR_SIZE);
	sum = sum * 31 + sum_bytes(p->option_roms, p->nr_option_roms * CL_PCR_SIZE);
	sum = sum * 31 + sum_bytes(p->boot_images, p->nr_boot_images * CL_HASH_SIZE);
	sum = sum * 31 + sum_bytes(p->core_builds, p->nr_core_builds * CL_BUILD_SIZE);
	sum = sum * 31 + sum_texts(p->cas, p->nr_cas);
	sum = sum * 31 + sum_texts(p->crls, p->nr_crls);
	sum = sum * 31 + sum_texts(p->boot_commands, p->nr_boot_commands);
	sum = sum * 31 + sum_texts(&p->core_version_min, p->core_version_min != NULL);
	require(!p->vcpus_max || p->vcpus_min <= p->vcpus_max);
	require(!p->memory_bytes_max || p->memory_bytes_min <= p->memory_bytes_max);
	return sum * 31 + p->vcpus_max + p->window_pages_max;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = exact_copy(data, size), error[CL_ERROR_SIZE];
	struct cl_policy *policy, *again;
	struct cl_verifier *verifier;
	int rc = cl_policy_load(copy, size, &policy, error);

	require((rc == 0) == (policy != NULL));
	if (rc) {
		require(memchr(error, '\0', sizeof(error)) != NULL);
		for (const char *c = error; *c; c++)
			require((unsigned char)*c >= ' ' && *c != 0x7f);
		free(copy);
		return 0;
	}
	require(cl_policy_load(copy, size, &again, error) == 0);
	free(copy); /* nothing in it is kept */
	require(policy->size == sizeof(*policy) && !policy->nonce && !policy->spki);
	require(sum_policy(policy) == sum_policy(again));
	require(cl_verifier_create(policy, &verifier, error) == 0);
	cl_verifier_free(verifier);
	cl_policy_free(again);
	cl_policy_free(policy);
	return 0;
}
