/* SPDX-License-Identifier: Apache-2.0 */
/* The Core's calls, typed. All return 0 or a negative errno (see core_port.h). */
#ifndef CLOISTER_CLI_CORECALL_H
#define CLOISTER_CLI_CORECALL_H

#include <stddef.h>
#include <stdint.h>
#include <cloister/call.h>

int core_info(struct cl_core_info *info);
/* -EPROTO where the Core is of another version. */
int core_check(void);
/* One of the three selectors of struct cl_zone_info is set; -ENOENT without such a zone. */
int core_zone_info(struct cl_zone_info *info);
int core_zone_by_handle(uint64_t handle, struct cl_zone_info *info);
int core_zone_end(uint64_t instance);
int core_trace(uint32_t mask);
int core_counters(struct cl_counters *counters);
int core_log(struct cl_log_read *chunk);
/* The firmware's whole log of the boot into CL_BOOT_LOG_MAX bytes; 0 bytes: it left none. */
int core_boot_log(uint8_t *log, size_t *size);

/* fail() with a line for a negative result of the above. */
int core_fail(int rc);

#endif
