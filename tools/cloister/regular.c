// SPDX-License-Identifier: Apache-2.0
// First a descriptor that opens nothing (O_PATH), by which to see what it is; then that very file.
#include "regular.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "cleanup.h"

int regular_open(const char *root, const char *path, int flags)
{
	const int below = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	const struct open_how how = {
		.flags = (unsigned int)(O_PATH | O_CLOEXEC | (flags & O_NOFOLLOW)),
		.resolve = (unsigned int)(root[0] ? below : 0),
	};
	cleanup_close int top = root[0] ? open(root, O_PATH | O_DIRECTORY | O_CLOEXEC) : AT_FDCWD;
	char name[32];
	struct stat st;

	if (root[0] && top < 0)
		return -errno;
	cleanup_close int at = (int)syscall(SYS_openat2, top, path, &how, sizeof(how));
	if (at < 0 || fstat(at, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", at);
	int fd = open(name, (flags & ~O_NOFOLLOW) | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
