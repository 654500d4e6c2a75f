// SPDX-License-Identifier: Apache-2.0
#include "privileges.h"
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int keep_chown(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const uint32_t chown = 1u << CAP_CHOWN;
	struct __user_cap_data_struct data[2] = {{.effective = chown, .permitted = chown}, {0}};

	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

int privileges_drop(uid_t uid)
{
	const struct rlimit no_core = {0, 0};

	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			return -errno;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setgroups(0, NULL) || setresgid(uid, uid, uid) ||
	    setresuid(uid, uid, uid))
		return -errno;
	int rc = keep_chown();
	if (rc)
		return rc;
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || setrlimit(RLIMIT_CORE, &no_core))
		return -errno;
	return 0;
}
