// SPDX-License-Identifier: Apache-2.0
// Judge bundles of evidence under one policy, as a service would: the policy and its CAs are read
// once.
//
//   cc verify-evidence.c $(pkg-config --cflags --libs libcloister-verify) -o verify-evidence
//   ./verify-evidence POLICY.json NONCE-FILE BUNDLE…
//
// NONCE-FILE holds the 32 bytes that the evidence was asked for with. Exit status: 0 if all of the
// bundles are affirmed.
#include <stdio.h>

#include <cloister/verify.h>

static int read_file(const char *path, uint8_t *bytes, size_t capacity, size_t *size)
{
	FILE *in = fopen(path, "rb");

	if (!in)
		return -1;
	*size = fread(bytes, 1, capacity, in);
	fclose(in);
	return 0;
}

static int judge(struct cl_verifier *verifier, const char *path, const uint8_t *nonce)
{
	static uint8_t bundle[CL_EVIDENCE_MAX + 1]; // one more, so that too much is seen
	static struct cl_verdict_result result;
	size_t size;

	if (read_file(path, bundle, sizeof(bundle), &size)) {
		perror(path);
		return 1;
	}
	// No TLS key: whoever talks to the zone gives SHA-256 of the SPKI that it sees there.
	if (cl_verifier_check(verifier, bundle, size, nonce, NULL, &result)) {
		fprintf(stderr, "%s: no verdict\n", path);
		return 1;
	}
	printf("%s: %s", path, cl_verdict_name(result.verdict));
	if (result.proven)
		printf(", node %s", result.node.name);
	putchar('\n');
	for (size_t i = 0; i < result.nr_checks; i++)
		if (result.checks[i].status >= CL_CHECK_WARN)
			printf("  %s: %s: %s\n", cl_check_status_name(result.checks[i].status),
			       result.checks[i].name, result.checks[i].reason);
	return result.verdict != CL_VERDICT_AFFIRMING;
}

int main(int argc, char **argv)
{
	uint8_t nonce[CL_EVIDENCE_NONCE_SIZE];
	char error[CL_ERROR_SIZE];
	struct cl_verifier *verifier;
	struct cl_policy *policy;
	size_t size;
	int bad = 0;

	if (argc < 4) {
		fprintf(stderr, "usage: verify-evidence POLICY.json NONCE-FILE BUNDLE...\n");
		return 2;
	}
	if (cl_policy_load_file(argv[1], &policy, error)) {
		fprintf(stderr, "%s: %s\n", argv[1], error);
		return 2;
	}
	if (read_file(argv[2], nonce, sizeof(nonce), &size) || size != sizeof(nonce)) {
		fprintf(stderr, "%s: 32 bytes expected\n", argv[2]);
		cl_policy_free(policy);
		return 2;
	}
	if (cl_verifier_create(policy, &verifier, error)) {
		fprintf(stderr, "%s: %s\n", argv[1], error);
		cl_policy_free(policy);
		return 2;
	}
	for (int i = 3; i < argc; i++)
		bad |= judge(verifier, argv[i], nonce);
	cl_verifier_free(verifier);
	cl_policy_free(policy);
	return bad;
}
