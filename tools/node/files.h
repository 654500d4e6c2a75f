/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are there whole or not at all, whatever is killed and when. 0 or a negative errno. */
#ifndef CLOISTER_NODE_FILES_H
#define CLOISTER_NODE_FILES_H

#include <stddef.h>
#include <sys/types.h>

/* Write beside it, fsync, rename over it, fsync the directory. */
int file_replace(int dir, const char *name, const void *data, size_t size, mode_t mode);

/* All of a regular file of at most max bytes: its size. -EFBIG if there is more. */
int file_read(int dir, const char *name, void *data, size_t max);

/* Make a directory and those above it, as mkdir -p; the last one with this mode. */
int dir_make(const char *path, mode_t mode);

#endif
