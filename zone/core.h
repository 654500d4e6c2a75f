/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to the Core from inside the zone; see cloister/call.h. */
#ifndef CLOISTER_ZONE_CORE_H
#define CLOISTER_ZONE_CORE_H

#include <stdint.h>
#include <cloister/call.h>

#define CORE_NOT_A_ZONE 1

/* Get leave to use the call's port for this thread (needs CAP_SYS_RAWIO; stays after setuid). */
int core_open(void);

/*
 * Ask for a report over data[]. On 0, report[] holds *size bytes. CORE_NOT_A_ZONE if nobody
 * answers; else a negative errno, the Core's or this side's.
 */
int core_report(const uint8_t data[CL_REPORT_DATA], uint8_t report[CL_REPORT_MAX], uint32_t *size);

/* Ask for this zone's key for call->context. On 0 the rest of *call is filled in; as above. */
int core_seal_key(struct cl_seal_key *call);

/* End the zone. Returns only where there is no Core. */
void core_exit(uint32_t status);

#endif
