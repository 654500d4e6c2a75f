// SPDX-License-Identifier: Apache-2.0
// Limits of control groups where the kernel has the controllers bound to version 1: none are set.
// All else of a jail is real in these tests; tests/node/test_jail.py has the limits.
#include "../../tools/jail/cgroup.h"

int limits_enable(int base)
{
	return 0;
}

int limits_set(int dir, const struct cgroup_limits *limits)
{
	return limits->memory && limits->tasks && limits->cpu_weight ? 0 : -1;
}
