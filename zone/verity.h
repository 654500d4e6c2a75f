/* SPDX-License-Identifier: Apache-2.0 */
/* The root file system's integrity: dm-verity with parameters from the measured command line. */
#ifndef CLOISTER_ZONE_VERITY_H
#define CLOISTER_ZONE_VERITY_H

#include "cmdline.h"

#define VERITY_DATA_DISK "/dev/vda"
#define VERITY_HASH_DISK "/dev/vdb"
#define VERITY_NODE	 "/dev/dm-0"
#define VERITY_TABLE_MAX 512u

/* The table line; returns its length. Pure, for the tests. */
size_t verity_table(const struct cmdline *cmdline, char *text, size_t size);

/* Make VERITY_NODE. 0 or a negative errno, with *why saying what failed. */
int verity_open(const struct cmdline *cmdline, const char **why);

#endif
