/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLOISTER_CLI_INSPECT_CORE_H
#define CLOISTER_CLI_INSPECT_CORE_H

#include <stdbool.h>

/* `cloister inspect --core`; an exit code. */
int inspect_core(bool json_wanted);

#endif
