/* SPDX-License-Identifier: Apache-2.0 */
/* Where this installation keeps what is no program of the user's: the zone loader, boot images. */
#ifndef CLOISTER_TOOLS_LIB_DIR_H
#define CLOISTER_TOOLS_LIB_DIR_H

#include <stddef.h>

/*
 * Puts the path of a file there into path[], NUL-terminated, whether it exists or not:
 * $CLOISTER_LIBDIR/NAME, else ../lib/cloister/NAME beside the directory of this program, wherever
 * `make install` was told to put both. 0 or a negative errno.
 */
int lib_file(const char *name, char *path, size_t size);

#endif
