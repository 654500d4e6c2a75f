// SPDX-License-Identifier: Apache-2.0
// Judge a report that comes alone: nothing but the Core's own word stands behind it.
#include <errno.h>

#include "checks.h"
#include "es256.h"
#include "hex.h"
#include "parse.h"

static void check_core_key(struct cl_verdict_result *r, const struct cl_policy *p)
{
	char few[2 * CLV_FEW + 1];

	if (p->nr_core_keys == 0) {
		clv_add(r, "core-key", CL_CHECK_WARN,
			"the policy names no Core's key: the key in the report vouches for itself "
			"only, and anybody can make one");
		return;
	}
	for (size_t i = 0; i < p->nr_core_keys; i++) {
		if (clv_equal(p->core_keys[i], r->report.core_key, CL_CORE_KEY_SIZE)) {
			clv_add(r, "core-key", CL_CHECK_PASS, "the policy names the Core's key");
			return;
		}
	}
	clv_hex(few, r->report.core_key, CLV_FEW);
	clv_add(r, "core-key", CL_CHECK_FAIL,
		"the Core's key, %s…, is none of the %zu in the policy", few, p->nr_core_keys);
}

static void check_root(struct cl_verdict_result *r)
{
	if (strcmp(r->report.root, "none") == 0)
		clv_add(r, "root", CL_CHECK_WARN,
			"root: none, development: no TPM vouches for the Core or its key");
	else if (strcmp(r->report.root, "tpm") == 0)
		clv_add(r, "root", CL_CHECK_WARN,
			"root: tpm, or so it says: no evidence was given that a TPM vouches for "
			"it");
	else
		clv_add(r, "root", CL_CHECK_FAIL, "root: %s, which this verifier does not know",
			r->report.root);
}

static void check_nonce(struct cl_verdict_result *r, const struct cl_policy *p)
{
	if (!p->nonce)
		clv_add(r, "nonce", CL_CHECK_WARN,
			"no nonce was asked for: the report may be an old one");
	else if (clv_equal(p->nonce, r->report.data, CL_REPORT_NONCE_SIZE))
		clv_add(r, "nonce", CL_CHECK_PASS, "it answers the nonce: the report is fresh");
	else
		clv_add(r, "nonce", CL_CHECK_FAIL,
			"it does not answer the nonce: the report was made for another request");
}

int clv_check_authentic(struct cl_verdict_result *r, const uint8_t *report, size_t size)
{
	struct clv_parsed parsed;
	char reason[CL_REASON_SIZE];
	int rc;

	if (clv_parse(report, size, &parsed, reason)) {
		clv_add(r, "format", CL_CHECK_FAIL, "this is no report: %.230s", reason);
		return 0;
	}
	rc = clv_es256(&parsed, reason);
	if (rc < 0)
		return rc;
	clv_add(r, "format", CL_CHECK_PASS, "a report of profile %s", CL_REPORT_PROFILE);
	if (rc == 0) {
		clv_add(r, "signature", CL_CHECK_FAIL, "%s", reason);
		return 0;
	}
	/* Only from here on may a check improve on the worst. */
	r->verdict = CL_VERDICT_AFFIRMING;
	r->authentic = true;
	r->report = parsed.claims;
	clv_add(r, "signature", CL_CHECK_PASS, "the key in the report signed the claims (ES256)");
	return 1;
}

int cl_verify_report(const uint8_t *report, size_t size, const struct cl_policy *policy,
		     struct cl_verdict_result *result)
{
	int rc;

	if (!result)
		return -EINVAL;
	memset(result, 0, sizeof(*result));
	result->verdict = CL_VERDICT_CONTRAINDICATED;
	if (!report || !policy || !clv_policy_ok(policy))
		return -EINVAL;
	clv_name_policy(result, policy);
	rc = clv_check_authentic(result, report, size);
	if (rc <= 0)
		return rc;
	check_core_key(result, policy);
	check_root(result);
	clv_check_digest(result, policy);
	check_nonce(result, policy);
	clv_check_zone(result, policy);
	return 0;
}
