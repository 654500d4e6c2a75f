/* SPDX-License-Identifier: Apache-2.0 */
/* Log files that a zone or its QEMU fills: follow them, and bound them. */
#ifndef CLOISTER_CLI_CONSOLE_H
#define CLOISTER_CLI_CONSOLE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct follow {
	int fd;	    /* the file */
	int notify; /* readable when the file changes */
	off_t at;
	bool terminal; /* standard output is one: let no control characters through */
};

/* Start at the oldest byte that is still there. 0 or negative errno; close in any case. */
int follow_open(struct follow *f, const char *path);
/* Copy what is new to standard output. 0 or negative errno. */
int follow_copy(struct follow *f);
void follow_close(struct follow *f);

/* Give back the oldest part of a file that has grown too long; offsets in it stay as they are. */
void log_trim(const char *path);

/* Say the last lines of a log, for an error. */
void log_tail(const char *path, const char *label);

#endif
