// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: any bytes, as a report. Beside crashes it looks for broken promises: a verdict
// better than "warning", an unsigned claim shown, a byte accepted that libcbor would not write.
#include <cbor.h>

#include <cloister/verify.h>
#include "fuzz.h"
#include "parse.h"

/* What the parser takes for claims, libcbor takes for the same bytes. */
static void compare_with_libcbor(const struct clv_parsed *p)
{
	uint8_t again[CL_REPORT_MAX];
	struct cbor_load_result result;
	cbor_item_t *item = cbor_load(p->payload, p->payload_size, &result);

	require(item && result.read == p->payload_size);
	require(cbor_isa_map(item) && cbor_map_size(item) == 15);
	require(cbor_serialize(item, again, sizeof(again)) == p->payload_size);
	require(memcmp(again, p->payload, p->payload_size) == 0);
	cbor_decref(&item);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct cl_report none;
	struct cl_policy policy = {.size = sizeof(policy)};
	struct cl_verdict_result result;
	char reason[CL_REASON_SIZE];
	struct clv_parsed parsed;
	bool parses = clv_parse(data, size, &parsed, reason) == 0;
	char *json;

	if (parses)
		compare_with_libcbor(&parsed);

	require(cl_verify_report(data, size, &policy, &result) == 0);
	require(result.verdict == CL_VERDICT_WARNING ||
		result.verdict == CL_VERDICT_CONTRAINDICATED);
	require(result.nr_checks > 0 && result.nr_checks <= CL_CHECKS_MAX);
	require(parses || !result.authentic);
	if (!result.authentic) {
		require(result.verdict == CL_VERDICT_CONTRAINDICATED);
		require(memcmp(&result.report, &none, sizeof(none)) == 0);
	}
	for (size_t i = 0; i < result.nr_checks; i++)
		for (const char *c = result.checks[i].reason; *c; c++)
			require((unsigned char)*c >= ' ' && *c != 0x7f);
	json = cl_result_json(&result);
	require(json != NULL);
	free(json);
	return 0;
}
