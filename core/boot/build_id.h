/* SPDX-License-Identifier: Apache-2.0 */
/* Which build of the Core this is: the GNU build-id, SHA-1 of the file that the linker wrote. */
#ifndef CORE_BOOT_BUILD_ID_H
#define CORE_BOOT_BUILD_ID_H

#include "lib/types.h"

/* CL_BUILD_SIZE bytes. */
const uint8_t *build_id(void);

#endif
