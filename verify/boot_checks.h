/* SPDX-License-Identifier: Apache-2.0 */
/* What started this machine: the event log and the PCRs against the policy. */
#ifndef VERIFY_BOOT_CHECKS_H
#define VERIFY_BOOT_CHECKS_H

#include <cloister/verify.h>

/*
 * Adds boot-log, firmware, option-roms, boot-image and boot-commands. The PCRs in parts must be
 * those that the TPM quoted.
 */
void clv_check_boot(struct cl_verdict_result *r, const struct cl_policy *p,
		    const struct cl_evidence *parts);

/*
 * Adds core-key: PCR 13 holds the key in the report, and the policy knows it if it names any. True
 * if it passes.
 */
bool clv_check_core_pcr(struct cl_verdict_result *r, const struct cl_policy *p,
			const struct cl_evidence *parts);

#endif
