// SPDX-License-Identifier: Apache-2.0
// From root to no one: limits, groups, user, capabilities.
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "jail.h"

#define FILES_MAX 4096 // a connection of a guest is one

static int set_limits(void)
{
	static const struct {
		__rlimit_resource_t what;
		rlim_t limit;
	} limits[] = {
		// Not 0: with that, a core_pattern that is a pipe still gets the whole dump.
		{RLIMIT_CORE, 1},    {RLIMIT_NOFILE, FILES_MAX}, {RLIMIT_NPROC, JAIL_TASKS},
		{RLIMIT_MEMLOCK, 0}, {RLIMIT_MSGQUEUE, 0},	 {RLIMIT_NICE, 0},
		{RLIMIT_RTPRIO, 0},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit r = {limits[i].limit, limits[i].limit};
		if (setrlimit(limits[i].what, &r))
			return -errno;
	}
	return 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2];

	memset(none, 0, sizeof(none));
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return -errno;
	return syscall(SYS_capset, &header, none) ? -errno : 0;
}

int privileges_drop(uint32_t id, const char **what)
{
	*what = "resource limits";
	int rc = set_limits();
	if (rc)
		return rc;
	*what = "the capability bounding set";
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			return -errno;
	*what = "its user id";
	if (setgroups(0, NULL) || setresgid(id, id, id) || setresuid(id, id, id))
		return -errno;
	*what = "its capabilities";
	rc = drop_capabilities();
	if (rc)
		return rc;
	*what = "no_new_privs";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	// After the change of user, which clears it.
	*what = "its end with ours";
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) ? -errno : 0;
}
