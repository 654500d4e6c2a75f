/* SPDX-License-Identifier: Apache-2.0 */
/* A device-mapper device's table, as the kernel has it. */
#ifndef CLOISTER_VOLUME_TABLE_H
#define CLOISTER_VOLUME_TABLE_H

#include <sys/types.h>

struct table {
	dev_t device; /* its own number */
	char type[16];
	char parameters[1024];
};

/* 0 or negative errno: -E2BIG if there is not exactly one target, from the first sector on. */
int table_read(const char *name, struct table *table);

#endif
