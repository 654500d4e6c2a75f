/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that the user's own QEMU arguments name. QEMU sees none of the host's, so each is opened
 * here and given to it as a descriptor set ("/dev/fdset/N" in QEMU's options).
 */
#ifndef CLOISTER_CLI_GIVEN_H
#define CLOISTER_CLI_GIVEN_H

#include <stdbool.h>
#include <stdint.h>

#define GIVEN_MAX 32u
#define GIVEN_SET 16 /* the first set's number; below are the zone's own */

struct given {
	const char *path;
	bool writable;
	int fd;	     /* -1: not yet opened */
	int fd_read; /* of one that may be written: QEMU also opens it for reading only */
};

/* PATH, PATH:ro or PATH:rw; changes text. 0 or -EINVAL. */
int given_parse(char *text, struct given *given);

/* Open it: a regular file or a block device. 0 or negative errno (-EINVAL: something else). */
int given_open(struct given *given);
void given_close(struct given *given);

/*
 * The argument with the name of each given file replaced by its set; to be freed. NULL: no memory.
 */
char *given_replace(const char *argument, const struct given *given, uint32_t count);

/*
 * The first absolute path in an argument that is a file on this host, other than those that every
 * QEMU has; false: none.
 */
bool given_missing(const char *argument, char *path, uint32_t size);

#endif
