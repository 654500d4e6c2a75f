// SPDX-License-Identifier: Apache-2.0
// Collect what the checks found: the worst one is the verdict.
#include <stdarg.h>

#include "checks.h"
#include "version.h"

void clv_add(struct cl_verdict_result *r, const char *name, enum cl_check_status status,
	     const char *fmt, ...)
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

void clv_name_policy(struct cl_verdict_result *r, const struct cl_policy *p)
{
	r->has_policy_id = p->id != NULL;
	if (p->id)
		memcpy(r->policy_id, p->id, sizeof(r->policy_id));
}

int clv_refuse(char reason[CL_REASON_SIZE], const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, CL_REASON_SIZE, fmt, args);
	va_end(args);
	return -1;
}

void clv_printable(char *out, size_t capacity, const uint8_t *text, size_t size)
{
	size_t n = size < capacity ? size : capacity - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = (char)(text[i] >= ' ' && text[i] <= '~' ? text[i] : (uint8_t)'?');
	out[n] = '\0';
}

bool clv_policy_ok(const struct cl_policy *p)
{
	struct clv_version min;

	if (p->size != sizeof(*p) || (p->nr_digests && !p->digests) ||
	    (p->nr_core_keys && !p->core_keys) || (p->nr_core_builds && !p->core_builds) ||
	    (p->nr_cas && !p->cas) || (p->nr_crls && !p->crls) ||
	    (p->nr_firmware && !p->firmware) || (p->nr_option_roms && !p->option_roms) ||
	    (p->nr_boot_images && !p->boot_images) || (p->nr_boot_commands && !p->boot_commands))
		return false;
	if ((p->memory_bytes_max && p->memory_bytes_min > p->memory_bytes_max) ||
	    (p->vcpus_max && p->vcpus_min > p->vcpus_max))
		return false;
	/* Pre-releases as a lower bound would need the whole of SemVer's ordering. */
	return !p->core_version_min ||
	       (clv_version_parse(p->core_version_min, &min) && !min.prerelease);
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
