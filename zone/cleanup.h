/* SPDX-License-Identifier: Apache-2.0 */
/* Scope-bound clean-up. */
#ifndef CLOISTER_ZONE_CLEANUP_H
#define CLOISTER_ZONE_CLEANUP_H

#include <stdio.h>
#include <unistd.h>

static inline void cleanup_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define cleanup_close  __attribute__((cleanup(cleanup_close_fd)))
#define cleanup_fclose __attribute__((cleanup(cleanup_close_file)))

#endif
