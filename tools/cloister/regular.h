/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening what has to be a regular file, whatever somebody put in its place: a FIFO that waits for
 * its other end, a device that does something when it is opened.
 */
#ifndef CLOISTER_CLI_REGULAR_H
#define CLOISTER_CLI_REGULAR_H

/*
 * root: a directory that links of the path cannot lead out of, or "". flags: as of open(2), without
 * O_CREAT; O_NOFOLLOW refuses a path that ends in a link. A descriptor, or negative errno; -EINVAL:
 * no regular file.
 */
int regular_open(const char *root, const char *path, int flags);

#endif
