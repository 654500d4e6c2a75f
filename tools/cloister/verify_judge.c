// SPDX-License-Identifier: Apache-2.0
// A policy out of a file and the command line; a verdict for people, programs or relying parties.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cleanup.h"
#include "file.h"
#include "message.h"
#include "verify_judge.h"

#define KEY_FILE_MAX 16384u

static void cleanup_policy_fn(struct cl_policy **policy)
{
	cl_policy_free(*policy);
}
#define cleanup_policy __attribute__((cleanup(cleanup_policy_fn)))

// Warnings that a report without evidence, or a machine without IOMMU, cannot avoid.
static bool only_development(const struct cl_verdict_result *result)
{
	for (size_t i = 0; i < result->nr_checks; i++) {
		const struct cl_check *c = &result->checks[i];
		if (c->status == CL_CHECK_FAIL)
			return false;
		if (c->status == CL_CHECK_WARN && strcmp(c->name, "root") &&
		    strcmp(c->name, "iommu"))
			return false;
	}
	return true;
}

static int verdict_code(const struct request *r, const struct cl_verdict_result *result)
{
	switch (result->verdict) {
	case CL_VERDICT_AFFIRMING:
		return EXIT_OK;
	case CL_VERDICT_WARNING:
		return r->accept_development && only_development(result) ? EXIT_OK : EXIT_WARNING;
	case CL_VERDICT_CONTRAINDICATED:
	case CL_VERDICT_NONE:
		break;
	}
	return EXIT_ERROR;
}

// What the command line says goes before what the file says.
static void add_options(const struct request *r, struct cl_policy *policy)
{
	if (r->nr_digests) {
		policy->digests = r->digests;
		policy->nr_digests = r->nr_digests;
	}
	policy->core_keys = r->keys;
	policy->nr_core_keys = r->nr_keys;
	if (r->window_max)
		policy->window_pages_max = r->window_max;
	// What judges then is not what the file says: the verdict must not name the file.
	if (r->nr_digests || r->nr_keys || r->window_max ||
	    (r->require_iommu && !policy->require_iommu))
		policy->id = NULL;
	policy->require_iommu |= r->require_iommu;
}

static int print_ear(const struct request *r, const struct cl_verdict_result *result)
{
	char error[CL_ERROR_SIZE];
	cleanup_free char *key = NULL;
	size_t size;

	int code = read_file("--ear-key", r->ear_key, KEY_FILE_MAX, &key, &size);
	if (code)
		return code;
	cleanup_free char *jwt = cl_ear_jwt(result, key, 0, error);
	explicit_bzero(key, size);
	if (!jwt)
		return fail(EXIT_ERROR,
			    "--ear-key %s: no result was signed: %s; see openssl-genpkey(1)",
			    r->ear_key, error);
	return puts(jwt) < 0 ? fail(EXIT_ERROR, "standard output: cannot write to it") : EXIT_OK;
}

static int print(const struct request *r, const struct cl_verdict_result *result)
{
	if (r->ear)
		return print_ear(r, result);
	if (r->json) {
		cleanup_free char *text = cl_result_json(result);
		if (!text || puts(text) < 0)
			return fail(EXIT_ERROR, "verify: cannot print the verdict; check memory");
	} else if (cl_print_result(stdout, result, isatty(STDOUT_FILENO))) {
		return fail(EXIT_ERROR, "standard output: cannot write to it");
	}
	return EXIT_OK;
}

typedef int verify_fn(const uint8_t *bytes, size_t size, const struct cl_policy *policy,
		      struct cl_verdict_result *result);

static int judge(const struct request *r, verify_fn *verify, const uint8_t *bytes, size_t size,
		 const uint8_t *nonce, const uint8_t *spki)
{
	static struct cl_verdict_result result;
	cleanup_policy struct cl_policy *loaded = NULL;
	struct cl_policy policy = {.size = sizeof(policy)};
	char error[CL_ERROR_SIZE];

	if (r->policy_file && cl_policy_load_file(r->policy_file, &loaded, error))
		return fail(EXIT_ERROR, "--policy %s: %s; see `cloister policy --help`",
			    r->policy_file, error);
	if (loaded)
		policy = *loaded;
	add_options(r, &policy);
	policy.nonce = nonce;
	policy.spki = spki;
	int rc = verify(bytes, size, &policy, &result);
	if (rc)
		return fail(EXIT_ERROR, "verify: no verdict: %s; check OpenSSL's set-up",
			    strerror(-rc));
	int code = print(r, &result);
	return code ? code : verdict_code(r, &result);
}

int judge_report(const struct request *r, const uint8_t *report, size_t size, const uint8_t *nonce,
		 const uint8_t *spki)
{
	return judge(r, cl_verify_report, report, size, nonce, spki);
}

int judge_evidence(const struct request *r, const uint8_t *bundle, size_t size,
		   const uint8_t *nonce, const uint8_t *spki)
{
	return judge(r, cl_verify_evidence, bundle, size, nonce, spki);
}
