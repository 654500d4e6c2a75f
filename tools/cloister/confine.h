/* SPDX-License-Identifier: Apache-2.0 */
/* One zone's jail, from the supervisor's side. */
#ifndef CLOISTER_CLI_CONFINE_H
#define CLOISTER_CLI_CONFINE_H

#include "../jail/lease.h"
#include "../jail/needs.h"
#include "guardian.h"
#include "run.h"

struct confine {
	struct lease lease; /* .dir < 0: no jail */
	struct guardian guardian;
	struct needs needs;
};

#define CONFINE_NONE                                                                               \
	{                                                                                          \
		.lease = LEASE_NONE, .guardian = GUARDIAN_NONE                                     \
	}

/* A user id and a control group for it, or a warning with --no-jail. An exit code. */
int confine_take(struct confine *c, const struct run *run);

/* Listen on the published ports, and open the gate for what the zone may reach. An exit code. */
int confine_ports(struct run *run);

/* Start argv in the jail. Its pid, or an exit code, negated. */
pid_t confine_start(struct confine *c, struct run *run, char **argv, const int *keep,
		    size_t nr_keep, int output, const char *directory);

/* QEMU has ended, and the RAM is gone: clean up. */
void confine_end(struct confine *c);

#endif
