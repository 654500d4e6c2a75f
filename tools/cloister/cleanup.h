/* SPDX-License-Identifier: Apache-2.0 */
/* Scope-bound clean-up. */
#ifndef CLOISTER_CLI_CLEANUP_H
#define CLOISTER_CLI_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <jansson.h>

static inline void cleanup_close_fn(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_free_fn(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_json_fn(json_t **json)
{
	json_decref(*json);
}

static inline void cleanup_dir_fn(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define cleanup_close __attribute__((cleanup(cleanup_close_fn)))
#define cleanup_free  __attribute__((cleanup(cleanup_free_fn)))
#define cleanup_json  __attribute__((cleanup(cleanup_json_fn)))
#define cleanup_dir   __attribute__((cleanup(cleanup_dir_fn)))

#endif
