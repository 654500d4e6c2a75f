// SPDX-License-Identifier: Apache-2.0
// How much of the host a jail may use.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../cloister/cleanup.h"
#include "cgroup.h"

#define CONTROLLERS "+memory +pids +cpu"

int limits_enable(int base)
{
	cleanup_close int parent = openat(base, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (parent < 0)
		return -errno;
	// The parent passes them to us, and we to our children. Switching on what is on is no
	// error.
	int rc = cgroup_write(parent, "cgroup.subtree_control", CONTROLLERS);
	return rc ? rc : cgroup_write(base, "cgroup.subtree_control", CONTROLLERS);
}

static int set(int dir, const char *file, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "%" PRIu64, value);
	return cgroup_write(dir, file, text);
}

int limits_set(int dir, const struct cgroup_limits *limits)
{
	int rc = set(dir, "memory.max", limits->memory);

	// All of a jail or nothing of it: a QEMU without some of its threads is of no use.
	if (!rc)
		rc = set(dir, "memory.oom.group", 1);
	if (!rc)
		rc = set(dir, "pids.max", limits->tasks);
	return rc ? rc : set(dir, "cpu.weight", limits->cpu_weight);
}
