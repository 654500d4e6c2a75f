/* SPDX-License-Identifier: Apache-2.0 */
/* Small files, whole. */
#ifndef CLOISTER_CLI_FILE_H
#define CLOISTER_CLI_FILE_H

#include <stddef.h>

/*
 * Read at most `max` bytes, with a NUL behind them. An exit code; says what is wrong with `path`,
 * given as `option`. *data is to be freed.
 */
int read_file(const char *option, const char *path, size_t max, char **data, size_t *size);

/* Write it, whole or not at all. An exit code; says what is wrong. */
int write_file(const char *path, const char *data, size_t size);

#endif
