/* SPDX-License-Identifier: Apache-2.0 */
/* A user id for one jail, that no one else has. */
#ifndef CLOISTER_JAIL_LEASE_H
#define CLOISTER_JAIL_LEASE_H

#include <stdint.h>

struct lease {
	uint32_t id; /* user and group; 0: none */
	int dir;     /* its control group, locked; -1: none */
};

#define LEASE_NONE                                                                                 \
	{                                                                                          \
		.id = 0, .dir = -1                                                                 \
	}

/* The range to take ids from: CLOISTER_JAIL_IDS=FIRST-LAST or the default. 0 or -EINVAL. */
int lease_range(uint32_t *first, uint32_t *last);

/* 0, or -errno and *why. -EUSERS: all of the range is in use. */
int lease_take(struct lease *lease, const char **why);

/* End what is in the control group, remove it, and let go of the id. */
void lease_drop(struct lease *lease);

/* Remove what a jail with this id left whose keepers were all killed. Others' it lets alone. */
void lease_sweep(uint32_t id);

#endif
