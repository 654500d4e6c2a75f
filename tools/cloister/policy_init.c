// SPDX-License-Identifier: Apache-2.0
// `cloister policy init`.
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <cloister/verify.h>
#include "../launch/size.h"
#include "cleanup.h"
#include "file.h"
#include "hex.h"
#include "measure.h"
#include "message.h"
#include "policy.h"
#include "policy_from.h"
#include "verbs.h"

#define IMAGES_MAX 16u

struct init {
	json_t *policy;
	const char *output;
	const char *image[IMAGES_MAX];
	size_t nr_images;
	const char *memory;
	uint32_t vcpus;
	const char *firmware_from[IMAGES_MAX];
	size_t nr_firmware_from;
};

static int add_hex(struct init *in, const char *option, const char *section, const char *list,
		   size_t bytes)
{
	uint8_t value[CL_DIGEST_SIZE];
	char text[2 * CL_DIGEST_SIZE + 1];

	if (parse_hex(optarg, value, bytes))
		return fail(EXIT_USAGE,
			    "--%s: %zu hex digits expected; see `cloister policy --help`", option,
			    2 * bytes);
	for (size_t i = 0; i < bytes; i++)
		snprintf(text + 2 * i, 3, "%02x", value[i]); // lower case
	return policy_add(in->policy, section, list, text);
}

static int set_number(struct init *in, const char *option, const char *name)
{
	uint64_t n;

	if (parse_number(optarg, UINT32_MAX, &n) || n == 0)
		return fail(EXIT_USAGE, "--%s %s: a number from 1 to %u expected", option, optarg,
			    UINT32_MAX);
	return policy_set(in->policy, "zone", name, json_integer((json_int_t)n));
}

static int take_option(struct init *in, int id)
{
	uint64_t n;

	switch (id) {
	case 'o':
		in->output = optarg;
		return EXIT_OK;
	case 'i':
		if (in->nr_images == IMAGES_MAX)
			return fail(EXIT_USAGE, "--image: at most %u; give --digest", IMAGES_MAX);
		in->image[in->nr_images++] = optarg;
		return EXIT_OK;
	case 'm':
		in->memory = optarg;
		return EXIT_OK;
	case 'v':
		if (parse_number(optarg, CL_ZONE_VCPUS_MAX, &n) || n == 0)
			return fail(EXIT_USAGE, "--vcpus %s: a number from 1 to %u expected",
				    optarg, CL_ZONE_VCPUS_MAX);
		in->vcpus = (uint32_t)n;
		return EXIT_OK;
	case 'd':
		return add_hex(in, "digest", NULL, "digests", CL_DIGEST_SIZE);
	case 'w':
		return set_number(in, "max-window", "window_pages_max");
	case 'I':
		return set_number(in, "max-idle", "idle_ms_max");
	case 'c':
		return policy_from_pem(in->policy, "--ca", optarg, "CERTIFICATE");
	case 'C':
		return policy_from_pem(in->policy, "--crl", optarg, "X509 CRL");
	case 't':
		return policy_set(in->policy, "nodes", "accept_test_tpm", json_true());
	case 'b':
		return policy_from_reference(in->policy, optarg);
	case 'f':
		return add_hex(in, "firmware", "boot", "firmware", CL_PCR_SIZE);
	case 'r':
		return add_hex(in, "option-roms", "boot", "option_roms", CL_PCR_SIZE);
	case 'F':
		if (in->nr_firmware_from == IMAGES_MAX)
			return fail(EXIT_USAGE, "--firmware-from: at most %u; give --firmware",
				    IMAGES_MAX);
		in->firmware_from[in->nr_firmware_from++] = optarg;
		return EXIT_OK;
	case 'u':
		return policy_set(in->policy, NULL, "require_iommu", json_true());
	case 'R':
		return policy_set(in->policy, NULL, "require_remapping", json_true());
	default:
		return fail(EXIT_USAGE,
			    "policy init: wrong arguments; see `cloister policy --help`");
	}
}

static int add_images(struct init *in)
{
	uint8_t digest[CL_DIGEST_SIZE];
	char text[2 * CL_DIGEST_SIZE + 1];
	int code = EXIT_OK;

	for (size_t n = 0; !code && n < in->nr_images; n++) {
		code = image_digest(in->image[n], in->memory, in->vcpus, digest);
		for (size_t i = 0; i < sizeof(digest); i++)
			snprintf(text + 2 * i, 3, "%02x", digest[i]);
		if (!code)
			code = policy_add(in->policy, NULL, "digests", text);
	}
	return code;
}

// After all options: --ca, --crl and --accept-test-tpm may come behind --firmware-from.
static int add_firmware(struct init *in)
{
	int code = EXIT_OK;

	if (in->nr_firmware_from && !json_object_get(json_object_get(in->policy, "nodes"), "ca"))
		return fail(
			EXIT_USAGE,
			"policy init: --firmware-from needs --ca: without a CA that enrolled the "
			"node anyone could have made that evidence; add it");
	for (size_t i = 0; !code && i < in->nr_firmware_from; i++)
		code = policy_from_evidence(in->policy, in->firmware_from[i]);
	return code;
}

// What was made must be what the verifier reads.
static int write_policy(const struct init *in)
{
	cleanup_free char *json = json_dumps(in->policy, JSON_INDENT(2));
	cleanup_free char *text = NULL;
	struct cl_policy *policy;

	if (!json || asprintf(&text, "%s\n", json) < 0)
		return policy_no_memory();
	int code = policy_load(text, &policy);
	if (code)
		return code;
	cl_policy_free(policy);
	if (in->output)
		return write_file(in->output, text, strlen(text));
	return fputs(text, stdout) < 0 ? fail(EXIT_ERROR, "standard output: cannot write to it")
				       : EXIT_OK;
}

int policy_init(int argc, char **argv)
{
	static const struct option options[] = {
		{"output", required_argument, NULL, 'o'},
		{"image", required_argument, NULL, 'i'},
		{"memory", required_argument, NULL, 'm'},
		{"vcpus", required_argument, NULL, 'v'},
		{"digest", required_argument, NULL, 'd'},
		{"max-window", required_argument, NULL, 'w'},
		{"max-idle", required_argument, NULL, 'I'},
		{"ca", required_argument, NULL, 'c'},
		{"crl", required_argument, NULL, 'C'},
		{"accept-test-tpm", no_argument, NULL, 't'},
		{"boot-reference", required_argument, NULL, 'b'},
		{"firmware", required_argument, NULL, 'f'},
		{"option-roms", required_argument, NULL, 'r'},
		{"firmware-from", required_argument, NULL, 'F'},
		{"require-iommu", no_argument, NULL, 'u'},
		{"require-remapping", no_argument, NULL, 'R'},
		{NULL, 0, NULL, 0},
	};
	cleanup_json json_t *policy = json_pack("{s:i}", "version", 1);
	struct init in = {.policy = policy};
	int id;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		int code = take_option(&in, id);
		if (code)
			return code;
	}
	if (optind != argc)
		return take_option(&in, '?');
	if ((in.memory || in.vcpus) && !in.nr_images)
		return fail(EXIT_USAGE,
			    "policy init: --memory and --vcpus belong to --image; add it");
	int code = add_firmware(&in);
	if (!code)
		code = add_images(&in);
	return code ? code : write_policy(&in);
}
