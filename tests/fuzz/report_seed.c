// SPDX-License-Identifier: Apache-2.0
// Write one report, as the Core makes it, to standard output: the fuzzer's seed.
#include <stdio.h>

#include <cloister/call.h>
#include "cpu/master_key.h"
#include "evidence/entropy.h"
#include "evidence/report.h"
#include "evidence/report_key.h"

int main(void)
{
	static const uint8_t data[CL_REPORT_DATA] = {1}, digest[CL_DIGEST_SIZE] = {2},
			     build[CL_BUILD_SIZE] = {3};
	struct report_claims claims = {
		.data = data,
		.digest = digest,
		.instance = 1,
		.memory_bytes = 256ull << 20,
		.vcpus = 1,
		.window_pages = 1024,
		.idle_ms = 1000,
		.core_version = "0.1.0+g1234567",
		.iommu = "none",
		.root = "none",
		.remap = "none",
		.build = build,
	};
	uint8_t out[CL_REPORT_MAX];
	int size;

	if (entropy_init())
		return 1;
	master_key_init();
	if (report_key_init())
		return 1;
	size = report_make(&claims, out, sizeof(out));
	return size <= 0 || fwrite(out, (size_t)size, 1, stdout) != 1;
}
