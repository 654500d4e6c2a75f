// SPDX-License-Identifier: Apache-2.0
// Judge what a report claims: every check has a name, a status and a reason.
#include <inttypes.h>

#include "checks.h"
#include "hex.h"
#include "version.h"

_Static_assert(CL_REPORT_NONCE_SIZE + CL_REPORT_SPKI_SIZE == CL_REPORT_DATA, "data is full");

void clv_check_digest(struct cl_verdict_result *r, const struct cl_policy *p)
{
	char hex[2 * CL_DIGEST_SIZE + 1];

	if (p->nr_digests == 0) {
		clv_add(r, "digest", CL_CHECK_WARN,
			"the policy names no launch digest: the zone may run anything");
		return;
	}
	for (size_t i = 0; i < p->nr_digests; i++) {
		if (clv_equal(p->digests[i], r->report.digest, CL_DIGEST_SIZE)) {
			clv_add(r, "digest", CL_CHECK_PASS, "the policy names the launch digest");
			return;
		}
	}
	clv_hex(hex, r->report.digest, CL_DIGEST_SIZE);
	clv_add(r, "digest", CL_CHECK_FAIL,
		"the launch digest, %s, is none of the %zu in the policy", hex, p->nr_digests);
}

static void check_tls_key(struct cl_verdict_result *r, const struct cl_policy *p)
{
	const uint8_t *said = r->report.data + CL_REPORT_NONCE_SIZE;
	char seen_hex[2 * CLV_FEW + 1], said_hex[2 * CLV_FEW + 1];

	if (!p->spki) {
		clv_add(r, "tls-key", CL_CHECK_WARN,
			"no TLS key was given: nothing ties a connection to the report");
		return;
	}
	if (clv_equal(p->spki, said, CL_REPORT_SPKI_SIZE)) {
		clv_add(r, "tls-key", CL_CHECK_PASS, "the TLS key is the one in the report");
		return;
	}
	clv_hex(seen_hex, p->spki, CLV_FEW);
	clv_hex(said_hex, said, CLV_FEW);
	clv_add(r, "tls-key", CL_CHECK_FAIL,
		"the TLS key is not the one in the report: SHA-256 of its SPKI is %s…, the report "
		"has %s…",
		seen_hex, said_hex);
}

static void check_debug(struct cl_verdict_result *r)
{
	if (r->report.dbgstat == CL_DBGSTAT_DISABLED)
		clv_add(r, "debug", CL_CHECK_PASS, "debugging is disabled permanently");
	else
		clv_add(r, "debug", CL_CHECK_FAIL,
			"debugging is not disabled permanently: dbgstat is %" PRIu32 ", not %d",
			r->report.dbgstat, CL_DBGSTAT_DISABLED);
}

static void check_policy_bits(struct cl_verdict_result *r)
{
	uint64_t unknown = r->report.policy & ~CL_POLICY_KNOWN;

	if (r->report.policy & CL_POLICY_DEBUG)
		clv_add(r, "policy", CL_CHECK_FAIL, "the zone's policy allows debugging");
	else if (unknown)
		clv_add(r, "policy", CL_CHECK_FAIL,
			"the zone's policy has unknown bits: 0x%" PRIx64, unknown);
	else
		clv_add(r, "policy", CL_CHECK_PASS, "the zone's policy allows nothing special");
}

/* A number with an optional range; zero is never sensible if `positive`. */
static void check_range(struct cl_verdict_result *r, const char *name, const char *unit,
			uint64_t value, uint64_t min, uint64_t max, bool positive)
{
	if (positive && value == 0)
		clv_add(r, name, CL_CHECK_FAIL, "0 %s makes no sense", unit);
	else if (value < min)
		clv_add(r, name, CL_CHECK_FAIL,
			"%" PRIu64 " %s, less than the policy's least, %" PRIu64, value, unit, min);
	else if (max && value > max)
		clv_add(r, name, CL_CHECK_FAIL,
			"%" PRIu64 " %s, more than the policy's most, %" PRIu64, value, unit, max);
	else if (!min && !max)
		clv_add(r, name, CL_CHECK_SKIP, "%" PRIu64 " %s; the policy sets no limit", value,
			unit);
	else
		clv_add(r, name, CL_CHECK_PASS, "%" PRIu64 " %s, as the policy allows", value,
			unit);
}

static void check_core_version(struct cl_verdict_result *r, const struct cl_policy *p)
{
	const char *version = r->report.core_version;
	struct clv_version have, min;

	if (!p->core_version_min)
		clv_add(r, "core-version", CL_CHECK_SKIP, "Core %s; the policy sets no limit",
			version);
	else if (!clv_version_parse(version, &have))
		clv_add(r, "core-version", CL_CHECK_FAIL, "Core %s: this is no version", version);
	else if (clv_version_parse(p->core_version_min, &min) && clv_version_at_least(&have, &min))
		clv_add(r, "core-version", CL_CHECK_PASS, "Core %s, at least %s as the policy asks",
			version, p->core_version_min);
	else
		clv_add(r, "core-version", CL_CHECK_FAIL,
			"Core %s, older than the policy's oldest, %s", version,
			p->core_version_min);
}

static void check_iommu(struct cl_verdict_result *r, const struct cl_policy *p)
{
	if (strcmp(r->report.iommu, "amd-vi") == 0)
		clv_add(r, "iommu", CL_CHECK_PASS,
			"amd-vi: devices reach the memory of the host only");
	else if (strcmp(r->report.iommu, "none") == 0)
		clv_add(r, "iommu", p->require_iommu ? CL_CHECK_FAIL : CL_CHECK_WARN,
			"no IOMMU: a device that does DMA can reach all memory, the Core's too");
	else
		clv_add(r, "iommu", CL_CHECK_FAIL, "IOMMU: %s, which this verifier does not know",
			r->report.iommu);
}

static void check_core_build(struct cl_verdict_result *r, const struct cl_policy *p)
{
	char hex[2 * CL_BUILD_SIZE + 1];

	clv_hex(hex, r->report.build, CL_BUILD_SIZE);
	if (p->nr_core_builds == 0) {
		clv_add(r, "core-build", CL_CHECK_SKIP, "build %s; the policy names none", hex);
		return;
	}
	for (size_t i = 0; i < p->nr_core_builds; i++) {
		if (clv_equal(p->core_builds[i], r->report.build, CL_BUILD_SIZE)) {
			clv_add(r, "core-build", CL_CHECK_PASS,
				"the policy names the Core's build");
			return;
		}
	}
	clv_add(r, "core-build", CL_CHECK_FAIL,
		"the Core's build, %s, is none of the %zu in the policy", hex, p->nr_core_builds);
}

static void check_remapping(struct cl_verdict_result *r, const struct cl_policy *p)
{
	if (strcmp(r->report.remap, "amd-vi") == 0)
		clv_add(r, "remapping", CL_CHECK_PASS,
			"amd-vi: devices raise the interrupts that the Core lets them raise");
	else if (strcmp(r->report.remap, "none") != 0)
		clv_add(r, "remapping", CL_CHECK_FAIL,
			"interrupt remapping: %s, which this verifier does not know",
			r->report.remap);
	else if (p->require_remapping)
		clv_add(r, "remapping", CL_CHECK_FAIL,
			"no interrupt remapping, which the policy requires");
	else
		clv_add(r, "remapping", CL_CHECK_SKIP,
			"no interrupt remapping; the policy does not ask for it");
}

void clv_check_zone(struct cl_verdict_result *r, const struct cl_policy *p)
{
	const struct cl_report *report = &r->report;

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
	check_core_build(r, p);
	check_iommu(r, p);
	check_remapping(r, p);
}
