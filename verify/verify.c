// SPDX-License-Identifier: Apache-2.0
// Judge a report: every check has a name, a status and a reason; the worst one is the verdict.
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include <openssl/crypto.h>

#include "es256.h"
#include "hex.h"
#include "parse.h"
#include "version.h"

#define FEW 8u /* bytes of a key or hash that are enough to tell two apart in a sentence */

_Static_assert(CL_REPORT_NONCE_SIZE + CL_REPORT_SPKI_SIZE == CL_REPORT_DATA, "data is full");

__attribute__((format(printf, 4, 5))) static void add(struct cl_verdict_result *r, const char *name,
						      enum cl_check_status status, const char *fmt,
						      ...)
{
	struct cl_check *check = &r->checks[r->nr_checks++];
	enum cl_verdict verdict = CL_VERDICT_AFFIRMING;
	va_list args;

	check->name = name;
	check->status = status;
	va_start(args, fmt);
	vsnprintf(check->reason, sizeof(check->reason), fmt, args);
	va_end(args);

	if (status == CL_CHECK_WARN)
		verdict = CL_VERDICT_WARNING;
	else if (status == CL_CHECK_FAIL)
		verdict = CL_VERDICT_CONTRAINDICATED;
	if (verdict > r->verdict)
		r->verdict = verdict;
}

/* Nothing here is secret; constant-time comparison just costs nothing. */
static bool equal(const uint8_t *a, const uint8_t *b, size_t size)
{
	return CRYPTO_memcmp(a, b, size) == 0;
}

static void check_core_key(struct cl_verdict_result *r, const struct cl_policy *p)
{
	char few[2 * FEW + 1];

	if (p->nr_core_keys == 0) {
		add(r, "core-key", CL_CHECK_WARN,
		    "the policy names no Core's key: the key in the report vouches for itself "
		    "only, and anybody can make one");
		return;
	}
	for (size_t i = 0; i < p->nr_core_keys; i++) {
		if (equal(p->core_keys[i], r->report.core_key, CL_CORE_KEY_SIZE)) {
			add(r, "core-key", CL_CHECK_PASS, "the policy names the Core's key");
			return;
		}
	}
	clv_hex(few, r->report.core_key, FEW);
	add(r, "core-key", CL_CHECK_FAIL, "the Core's key, %s…, is none of the %zu in the policy",
	    few, p->nr_core_keys);
}

static void check_root(struct cl_verdict_result *r)
{
	if (strcmp(r->report.root, "none") == 0)
		add(r, "root", CL_CHECK_WARN,
		    "root: none, development: no TPM vouches for the Core or its key");
	else
		add(r, "root", CL_CHECK_FAIL, "root: %s, which this verifier does not know",
		    r->report.root);
}

static void check_digest(struct cl_verdict_result *r, const struct cl_policy *p)
{
	char hex[2 * CL_DIGEST_SIZE + 1];

	if (p->nr_digests == 0) {
		add(r, "digest", CL_CHECK_WARN,
		    "the policy names no launch digest: the zone may run anything");
		return;
	}
	for (size_t i = 0; i < p->nr_digests; i++) {
		if (equal(p->digests[i], r->report.digest, CL_DIGEST_SIZE)) {
			add(r, "digest", CL_CHECK_PASS, "the policy names the launch digest");
			return;
		}
	}
	clv_hex(hex, r->report.digest, CL_DIGEST_SIZE);
	add(r, "digest", CL_CHECK_FAIL, "the launch digest, %s, is none of the %zu in the policy",
	    hex, p->nr_digests);
}

static void check_nonce(struct cl_verdict_result *r, const struct cl_policy *p)
{
	if (!p->nonce)
		add(r, "nonce", CL_CHECK_WARN,
		    "no nonce was asked for: the report may be an old one");
	else if (equal(p->nonce, r->report.data, CL_REPORT_NONCE_SIZE))
		add(r, "nonce", CL_CHECK_PASS, "it answers the nonce: the report is fresh");
	else
		add(r, "nonce", CL_CHECK_FAIL,
		    "it does not answer the nonce: the report was made for another request");
}

static void check_tls_key(struct cl_verdict_result *r, const struct cl_policy *p)
{
	const uint8_t *said = r->report.data + CL_REPORT_NONCE_SIZE;
	char seen_hex[2 * FEW + 1], said_hex[2 * FEW + 1];

	if (!p->spki) {
		add(r, "tls-key", CL_CHECK_WARN,
		    "no TLS key was given: nothing ties a connection to the report");
		return;
	}
	if (equal(p->spki, said, CL_REPORT_SPKI_SIZE)) {
		add(r, "tls-key", CL_CHECK_PASS, "the TLS key is the one in the report");
		return;
	}
	clv_hex(seen_hex, p->spki, FEW);
	clv_hex(said_hex, said, FEW);
	add(r, "tls-key", CL_CHECK_FAIL,
	    "the TLS key is not the one in the report: SHA-256 of its SPKI is %s…, the report has "
	    "%s…",
	    seen_hex, said_hex);
}

static void check_debug(struct cl_verdict_result *r)
{
	if (r->report.dbgstat == CL_DBGSTAT_DISABLED)
		add(r, "debug", CL_CHECK_PASS, "debugging is disabled permanently");
	else
		add(r, "debug", CL_CHECK_FAIL,
		    "debugging is not disabled permanently: dbgstat is %" PRIu32 ", not %d",
		    r->report.dbgstat, CL_DBGSTAT_DISABLED);
}

static void check_policy_bits(struct cl_verdict_result *r)
{
	uint64_t unknown = r->report.policy & ~CL_POLICY_KNOWN;

	if (r->report.policy & CL_POLICY_DEBUG)
		add(r, "policy", CL_CHECK_FAIL, "the zone's policy allows debugging");
	else if (unknown)
		add(r, "policy", CL_CHECK_FAIL, "the zone's policy has unknown bits: 0x%" PRIx64,
		    unknown);
	else
		add(r, "policy", CL_CHECK_PASS, "the zone's policy allows nothing special");
}

/* A number with an optional range; zero is never sensible if `positive`. */
static void check_range(struct cl_verdict_result *r, const char *name, const char *unit,
			uint64_t value, uint64_t min, uint64_t max, bool positive)
{
	if (positive && value == 0)
		add(r, name, CL_CHECK_FAIL, "0 %s makes no sense", unit);
	else if (value < min)
		add(r, name, CL_CHECK_FAIL,
		    "%" PRIu64 " %s, less than the policy's least, %" PRIu64, value, unit, min);
	else if (max && value > max)
		add(r, name, CL_CHECK_FAIL, "%" PRIu64 " %s, more than the policy's most, %" PRIu64,
		    value, unit, max);
	else if (!min && !max)
		add(r, name, CL_CHECK_SKIP, "%" PRIu64 " %s; the policy sets no limit", value,
		    unit);
	else
		add(r, name, CL_CHECK_PASS, "%" PRIu64 " %s, as the policy allows", value, unit);
}

static void check_core_version(struct cl_verdict_result *r, const struct cl_policy *p)
{
	const char *version = r->report.core_version;
	struct clv_version have, min;

	if (!p->core_version_min)
		add(r, "core-version", CL_CHECK_SKIP, "Core %s; the policy sets no limit", version);
	else if (!clv_version_parse(version, &have))
		add(r, "core-version", CL_CHECK_FAIL, "Core %s: this is no version", version);
	else if (clv_version_parse(p->core_version_min, &min) && clv_version_at_least(&have, &min))
		add(r, "core-version", CL_CHECK_PASS, "Core %s, at least %s as the policy asks",
		    version, p->core_version_min);
	else
		add(r, "core-version", CL_CHECK_FAIL, "Core %s, older than the policy's oldest, %s",
		    version, p->core_version_min);
}

static void check_iommu(struct cl_verdict_result *r, const struct cl_policy *p)
{
	if (strcmp(r->report.iommu, "amd-vi") == 0)
		add(r, "iommu", CL_CHECK_PASS, "amd-vi: devices reach the memory of the host only");
	else if (strcmp(r->report.iommu, "none") == 0)
		add(r, "iommu", p->require_iommu ? CL_CHECK_FAIL : CL_CHECK_WARN,
		    "no IOMMU: a device that does DMA can reach all memory, the Core's too");
	else
		add(r, "iommu", CL_CHECK_FAIL, "IOMMU: %s, which this verifier does not know",
		    r->report.iommu);
}

static bool policy_ok(const struct cl_policy *p)
{
	struct clv_version min;

	if (p->size != sizeof(*p) || (p->nr_digests && !p->digests) ||
	    (p->nr_core_keys && !p->core_keys))
		return false;
	if ((p->memory_bytes_max && p->memory_bytes_min > p->memory_bytes_max) ||
	    (p->vcpus_max && p->vcpus_min > p->vcpus_max))
		return false;
	/* Pre-releases as a lower bound would need the whole of SemVer's ordering. */
	return !p->core_version_min ||
	       (clv_version_parse(p->core_version_min, &min) && !min.prerelease);
}

static void check_claims(struct cl_verdict_result *r, const struct cl_policy *p)
{
	const struct cl_report *report = &r->report;

	check_core_key(r, p);
	check_root(r);
	check_digest(r, p);
	check_nonce(r, p);
	check_tls_key(r, p);
	check_debug(r);
	check_policy_bits(r);
	check_range(r, "vcpus", "vCPU(s)", report->vcpus, p->vcpus_min, p->vcpus_max, true);
	check_range(r, "memory", "bytes of memory", report->memory_bytes, p->memory_bytes_min,
		    p->memory_bytes_max, true);
	check_range(r, "window", "pages may be open at a time", report->window_pages, 0,
		    p->window_pages_max, true);
	check_range(r, "idle", "ms until an idle page is sealed", report->idle_ms, 0,
		    p->idle_ms_max, false);
	check_core_version(r, p);
	check_iommu(r, p);
}

int cl_verify_report(const uint8_t *report, size_t size, const struct cl_policy *policy,
		     struct cl_verdict_result *result)
{
	struct clv_parsed parsed;
	char reason[CL_REASON_SIZE];
	int rc;

	if (!result)
		return -EINVAL;
	memset(result, 0, sizeof(*result));
	result->verdict = CL_VERDICT_CONTRAINDICATED;
	if (!report || !policy || !policy_ok(policy))
		return -EINVAL;

	if (clv_parse(report, size, &parsed, reason)) {
		add(result, "format", CL_CHECK_FAIL, "this is no report: %s", reason);
		return 0;
	}
	rc = clv_es256(&parsed, reason);
	if (rc < 0)
		return rc;
	add(result, "format", CL_CHECK_PASS, "a report of profile %s", CL_REPORT_PROFILE);
	if (rc == 0) {
		add(result, "signature", CL_CHECK_FAIL, "%s", reason);
		return 0;
	}
	/* Only from here on may a check improve on the worst. */
	result->verdict = CL_VERDICT_AFFIRMING;
	result->authentic = true;
	result->report = parsed.claims;
	add(result, "signature", CL_CHECK_PASS, "the key in the report signed the claims (ES256)");
	check_claims(result, policy);
	return 0;
}

const char *cl_verdict_name(enum cl_verdict verdict)
{
	switch (verdict) {
	case CL_VERDICT_AFFIRMING:
		return "affirming";
	case CL_VERDICT_WARNING:
		return "warning";
	case CL_VERDICT_CONTRAINDICATED:
		return "contraindicated";
	case CL_VERDICT_NONE:
		break;
	}
	return "none";
}

const char *cl_check_status_name(enum cl_check_status status)
{
	switch (status) {
	case CL_CHECK_PASS:
		return "pass";
	case CL_CHECK_SKIP:
		return "skip";
	case CL_CHECK_WARN:
		return "warn";
	case CL_CHECK_FAIL:
		return "fail";
	}
	return "unknown";
}
