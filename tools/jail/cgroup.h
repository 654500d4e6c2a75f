/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One control group (cgroup v2) per jail, named after its user id. The directory is also the lease
 * of that id: whoever holds a lock (flock(2)) on it owns the id.
 */
#ifndef CLOISTER_JAIL_CGROUP_H
#define CLOISTER_JAIL_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CGROUP_PATH_MAX 512

struct cgroup_limits {
	uint64_t memory; /* bytes; the zone's RAM is part of it */
	uint32_t tasks;
	uint32_t cpu_weight; /* 1 to 10000; 100 is what everybody has */
};

/* Where all of them are: CLOISTER_CGROUP or /sys/fs/cgroup/cloister. */
const char *cgroup_base(void);

/*
 * A descriptor of that directory, made if need be, with the controllers switched on that the limits
 * need; or -errno, and *why says what is missing.
 */
int cgroup_open_base(const char **why);

/* Write one value to a file of a group. 0 or -errno. */
int cgroup_write(int dir, const char *file, const char *value);

/* Is no process in it? */
bool cgroup_empty(int dir);

/* Kill all of its processes and wait until they are gone. 0 or -errno. */
int cgroup_kill(int dir);

/* limits.c; in tests on machines without the controllers these two are played. */
int limits_enable(int base);
int limits_set(int dir, const struct cgroup_limits *limits);

#endif
