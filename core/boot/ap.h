/* SPDX-License-Identifier: Apache-2.0 */
/* Starting the CPUs that the firmware left waiting. */
#ifndef CORE_BOOT_AP_H
#define CORE_BOOT_AP_H

#include "boot/boot.h"

/*
 * Start every CPU that the firmware names, one after the other; each enters cpu_main(number) with
 * a stack of its own. Panics if one does not come: it could come later, outside the Core.
 */
void ap_start_all(const struct boot_info *bi);

/* From cpu_main: this CPU no longer needs what is shared by those that start. */
void ap_started(void);

#endif
