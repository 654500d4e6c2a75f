/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program, a zone's QEMU, where it reaches nothing but what it is given: own user id, own
 * namespaces, own file tree, a seccomp filter, a control group. docs/jail.md has the whole list.
 */
#ifndef CLOISTER_JAIL_JAIL_H
#define CLOISTER_JAIL_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "gate.h"
#include "needs.h"

#define JAIL_ERROR 256
#define JAIL_TASKS 256u /* threads: QEMU's own, one a vCPU, up to 64 for disks */

struct jail_plan {
	uint32_t id; /* user and group */
	int cgroup;  /* directory of its control group */
	bool kvm;
	bool host_network;   /* the host's network in place of an empty one */
	bool connects;	     /* the gate knows where to */
	const char *scratch; /* a directory; the jail's tree is put together on top of it */
	const struct needs *needs;
	/* Directories that are shown read-only if they are there; lists end with NULL. */
	const char *const *data;
	const char *const *modules; /* these may be executed */
	char *const *argv;
	const int *keep; /* descriptors that it inherits; negative ones are left out */
	size_t nr_keep;
	int output; /* its standard output and error */
};

/*
 * Start it. Its pid, and gate then waits for its system calls (gate.h); or a negative errno, the
 * reason in err, and nothing is left.
 */
pid_t jail_spawn(const struct jail_plan *plan, struct gate *gate, char err[JAIL_ERROR]);

/* fork(2) into a control group, without namespaces. */
pid_t jail_fork(int cgroup, uint64_t flags);

/* The steps of jail_spawn() in the new process. 0 or negative errno; *what is then what failed. */
int root_make(const struct jail_plan *plan, const char **what);
int privileges_drop(uint32_t id, const char **what);
/* Returns a descriptor that is to be passed to gate_open(). */
int filter_load(const struct jail_plan *plan, const char **what);

#endif
