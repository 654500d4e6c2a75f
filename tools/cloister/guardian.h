/* SPDX-License-Identifier: Apache-2.0 */
/* The process that cleans up after a supervisor that was killed. */
#ifndef CLOISTER_CLI_GUARDIAN_H
#define CLOISTER_CLI_GUARDIAN_H

#include "state.h"

struct guardian {
	pid_t pid; /* 0: none */
	int line;  /* closed without a word: the supervisor was killed */
};

#define GUARDIAN_NONE                                                                              \
	{                                                                                          \
		.pid = 0, .line = -1                                                               \
	}

/*
 * Call it with the zone's RAM at hand and before QEMU starts: it inherits both the RAM and the
 * jail's lock (cgroup), and holds them. 0 or -errno.
 */
int guardian_start(struct guardian *g, const struct state *st, int cgroup);

/* All has been cleaned up: let it go. */
void guardian_dismiss(struct guardian *g);

#endif
