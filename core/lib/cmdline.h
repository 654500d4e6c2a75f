/* SPDX-License-Identifier: Apache-2.0 */
/* Options "name=value" in a command line of words. */
#ifndef CORE_LIB_CMDLINE_H
#define CORE_LIB_CMDLINE_H

#include "lib/types.h"

/* The value of the last such option, its length in *len; NULL if there is none. */
const char *cmdline_get(const char *cmdline, const char *name, size_t *len);

/* Is the option's value this one? */
bool cmdline_is(const char *cmdline, const char *name, const char *value);

#endif
