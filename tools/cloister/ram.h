/* SPDX-License-Identifier: Apache-2.0 */
/* The zone's RAM on the host's side. */
#ifndef CLOISTER_CLI_RAM_H
#define CLOISTER_CLI_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ram {
	int fd; /* memfd; -1: none */
	void *map;
	size_t bytes;
};

#define RAM_NONE                                                                                   \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/*
 * Make a memfd of this size, all of it in memory when this returns; the host may swap it later.
 * With `cgroup`, a directory (-1: none), that group pays for it. 0 or negative errno.
 */
int ram_create(struct ram *ram, uint64_t bytes, int cgroup);
void ram_release(struct ram *ram);

/* Bytes that the host can give to new programs now (MemAvailable, proc(5)). 0: unknown. */
uint64_t ram_available(void);

#endif
