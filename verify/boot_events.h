/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the events of PCR 4 and 8 say. Only an event's digest proves itself: each function here
 * believes no type and no text that the digest does not bear out.
 */
#ifndef VERIFY_BOOT_EVENTS_H
#define VERIFY_BOOT_EVENTS_H

#include "eventlog.h"

/* On the Core's command line: it leaves the TPM to the host, whose word evidence then is. */
#define CLV_WITHOUT_TPM "tpm=none"

/*
 * PCR 4 (PFP 1.05, section 3.3.4.5): one application, and around it nothing but separators and the
 * firmware's remarks. 1 with its digest; 0 with the reason, and *measured false if nothing was
 * booted that the firmware measured.
 */
int clv_boot_application(const uint8_t *log, size_t size, uint8_t digest[CL_HASH_SIZE],
			 bool *measured, char reason[CL_REASON_SIZE]);

/*
 * PCR 8: every command of GRUB's is one that the policy names, and none has CLV_WITHOUT_TPM, even
 * if the policy names it. 0, or -1 with the reason.
 */
int clv_boot_commands(const uint8_t *log, size_t size, const struct cl_policy *p,
		      size_t *nr_commands, char reason[CL_REASON_SIZE]);

#endif
