/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Make the zone report that cloister/report.h describes.
 *
 * Uses vector registers (BearSSL): call between fpu_begin and fpu_end. Stack use is below 6 KiB.
 */
#ifndef CORE_EVIDENCE_REPORT_H
#define CORE_EVIDENCE_REPORT_H

#include "lib/types.h"

#define REPORT_TEXT_MAX 31u /* characters; struct cl_core_info has room for as many */

struct report_claims {
	const uint8_t *data;   /* CL_REPORT_DATA bytes: what the caller wants bound */
	const uint8_t *digest; /* CL_DIGEST_SIZE bytes */
	uint64_t instance;
	uint64_t memory_bytes;
	uint64_t policy; /* CL_POLICY_* */
	uint32_t vcpus;
	uint32_t window_pages; /* as in force */
	uint32_t idle_ms;
	const char *core_version; /* NUL-terminated, printable ASCII without spaces */
	const char *iommu;	  /* likewise: what keeps devices' DMA in bounds, or "none" */
	const char *root;	  /* likewise: what vouches for the report key, or "none" */
	const char *remap;	  /* likewise: what remaps devices' interrupts, or "none" */
	const uint8_t *build;	  /* CL_BUILD_SIZE bytes */
	bool debug;		  /* a debug build makes this report */
};

/*
 * Sign these claims with the report key. The claims are the Core's own copy.
 *
 * Size of the report, or -CL_EINVAL (claims that no report of this profile may carry), -CL_ENOSPC
 * (CL_REPORT_MAX bytes are always enough), -CL_ENOENT (no key), -CL_EIO (signing failed).
 * On failure out[] is all zero.
 */
int report_make(const struct report_claims *c, uint8_t *out, size_t cap);

#endif
