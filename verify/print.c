// SPDX-License-Identifier: Apache-2.0
// Show a verdict to people.
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <cloister/verify.h>
#include "hex.h"

struct style {
	const char *on;
	const char *off;
};

static struct style style(bool colour, const char *on)
{
	return colour ? (struct style){on, "\033[0m"} : (struct style){"", ""};
}

static const char *status_colour(enum cl_check_status status)
{
	switch (status) {
	case CL_CHECK_PASS:
		return "\033[32m";
	case CL_CHECK_SKIP:
		return "\033[2m";
	case CL_CHECK_WARN:
		return "\033[33m";
	case CL_CHECK_FAIL:
		break;
	}
	return "\033[1;31m";
}

static const char *verdict_colour(enum cl_verdict verdict)
{
	switch (verdict) {
	case CL_VERDICT_AFFIRMING:
		return "\033[1;32m";
	case CL_VERDICT_WARNING:
		return "\033[1;33m";
	case CL_VERDICT_CONTRAINDICATED:
	case CL_VERDICT_NONE:
		break;
	}
	return "\033[1;31m";
}

static void print_named_hex(FILE *out, const char *branch, const char *label, const uint8_t *data,
			    size_t size)
{
	char hex[2 * CL_REPORT_DATA + 1];

	clv_hex(hex, data, size);
	fprintf(out, "%s %-13s %s\n", branch, label, hex);
}

static void print_hex(FILE *out, const char *label, const uint8_t *data, size_t size)
{
	print_named_hex(out, "   ├─", label, data, size);
}

static void print_node(FILE *out, const struct cl_node *n)
{
	static const uint8_t none[CL_HASH_SIZE];
	char day[16] = "?";
	struct tm tm;

	if (gmtime_r(&n->ak_until, &tm))
		strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	fprintf(out, "├─ node\n");
	print_named_hex(out, "│  ├─", "ek", n->ek, sizeof(n->ek));
	if (memcmp(n->boot_image, none, sizeof(none)) != 0)
		print_named_hex(out, "│  ├─", "boot-image", n->boot_image, sizeof(n->boot_image));
	fprintf(out, "│  ├─ %-13s %s\n", "tpm", n->test_tpm ? "software, for tests" : "enrolled");
	fprintf(out, "│  ├─ %-13s %s\n", "enrolled-to", day);
	fprintf(out, "│  └─ %-13s %s\n", "name", n->name);
}

static void print_claims(FILE *out, const struct cl_report *r)
{
	const uint8_t *spki = r->data + CL_REPORT_NONCE_SIZE;

	fprintf(out, "└─ report\n");
	print_hex(out, "digest", r->digest, sizeof(r->digest));
	print_hex(out, "nonce", r->data, CL_REPORT_NONCE_SIZE);
	print_hex(out, "tls-key", spki, CL_REPORT_SPKI_SIZE);
	print_hex(out, "core-key", r->core_key, sizeof(r->core_key));
	fprintf(out, "   ├─ %-13s %s\n", "core-version", r->core_version);
	fprintf(out, "   ├─ %-13s %s\n", "root", r->root);
	fprintf(out, "   ├─ %-13s %s\n", "iommu", r->iommu);
	fprintf(out, "   ├─ %-13s %s\n", "remap", r->remap);
	print_hex(out, "core-build", r->build, sizeof(r->build));
	fprintf(out, "   ├─ %-13s %" PRIu64 "\n", "instance", r->instance);
	fprintf(out, "   ├─ %-13s %" PRIu32 "\n", "vcpus", r->vcpus);
	fprintf(out, "   ├─ %-13s %" PRIu64 " bytes\n", "memory", r->memory_bytes);
	fprintf(out, "   ├─ %-13s %" PRIu32 " pages\n", "window", r->window_pages);
	fprintf(out, "   ├─ %-13s %" PRIu32 " ms\n", "idle", r->idle_ms);
	fprintf(out, "   └─ %-13s 0x%" PRIx64 "\n", "policy", r->policy);
}

int cl_print_result(FILE *out, const struct cl_verdict_result *result, bool colour)
{
	struct style s = style(colour, verdict_colour(result->verdict));

	fprintf(out, "verdict: %s%s%s\n", s.on, cl_verdict_name(result->verdict), s.off);
	fprintf(out, "%s─ checks\n", result->authentic ? "├" : "└");
	for (size_t i = 0; i < result->nr_checks; i++) {
		const struct cl_check *c = &result->checks[i];

		s = style(colour, status_colour(c->status));
		fprintf(out, "%s  %s─ %s%s%s  %-13s %s\n", result->authentic ? "│" : " ",
			i + 1 < result->nr_checks ? "├" : "└", s.on,
			cl_check_status_name(c->status), s.off, c->name, c->reason);
	}
	/* What an unsigned report claims is nobody's word, nor is what no quote proves. */
	if (result->proven)
		print_node(out, &result->node);
	if (result->authentic)
		print_claims(out, &result->report);
	return ferror(out) ? -EIO : 0;
}
