/* SPDX-License-Identifier: Apache-2.0 */
/* The files that a program cannot be started without: itself, its loader, its libraries. */
#ifndef CLOISTER_JAIL_NEEDS_H
#define CLOISTER_JAIL_NEEDS_H

#include <stdint.h>

#define NEEDS_MAX	 512u
#define NEEDS_ERROR	 160
#define NEEDS_PATHS_SIZE 4096

struct needs {
	char *file[NEEDS_MAX]; /* absolute paths */
	uint32_t count;
	/* The libraries' directories, as LD_LIBRARY_PATH wants them: in the jail is no cache. */
	char directories[NEEDS_PATHS_SIZE];
};

/* 0 or negative errno with the reason in err. Free with needs_free() in any case. */
int needs_of(struct needs *needs, const char *program, char err[NEEDS_ERROR]);
void needs_free(struct needs *needs);

#endif
