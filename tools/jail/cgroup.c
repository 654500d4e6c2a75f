// SPDX-License-Identifier: Apache-2.0
// Control groups by hand: a few files of cgroupfs (Documentation/admin-guide/cgroup-v2.rst).
#include "cgroup.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>
#include <linux/magic.h>
#include "../cloister/cleanup.h"

#define BASE_DEFAULT "/sys/fs/cgroup/cloister"

const char *cgroup_base(void)
{
	const char *given = getenv("CLOISTER_CGROUP");
	return given && given[0] == '/' && strlen(given) < CGROUP_PATH_MAX - 16 ? given
										: BASE_DEFAULT;
}

int cgroup_write(int dir, const char *file, const char *value)
{
	cleanup_close int fd = openat(dir, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t length = strlen(value);

	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, value, length);
	return n < 0 ? -errno : (size_t)n == length ? 0 : -EIO;
}

int cgroup_open_base(const char **why)
{
	struct statfs fs;

	*why = "cannot be made";
	if (mkdir(cgroup_base(), 0755) && errno != EEXIST) {
		// What is there then is no cgroup v2 at all.
		if (errno == ENOENT || errno == EROFS)
			*why = "no cgroup v2 is mounted there";
		return -errno;
	}
	int dir = open(cgroup_base(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	*why = "no cgroup v2 is mounted there";
	int rc = fstatfs(dir, &fs) ? -errno : fs.f_type == CGROUP2_SUPER_MAGIC ? 0 : -ENODEV;
	if (rc == -ENODEV)
		rmdir(cgroup_base()); // it may have been made on a file system that is none
	if (!rc) {
		*why = "it lacks the controllers memory, pids or cpu";
		rc = limits_enable(dir);
	}
	if (rc) {
		close(dir);
		return rc;
	}
	return dir;
}

// -1: cannot be read.
static int populated(int events)
{
	char text[256];
	ssize_t n = pread(events, text, sizeof(text) - 1, 0);

	if (n < 0)
		return -1;
	text[n] = '\0';
	return strstr(text, "populated 0") ? 0 : 1;
}

bool cgroup_empty(int dir)
{
	cleanup_close int events = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	// A directory that has been removed has nobody in it either.
	return events < 0 ? errno == ENOENT || errno == ENODEV : populated(events) != 1;
}

int cgroup_kill(int dir)
{
	cleanup_close int events = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);

	if (events < 0)
		return errno == ENOENT || errno == ENODEV ? 0 : -errno;
	int rc = cgroup_write(dir, "cgroup.kill", "1");
	if (rc)
		return rc;
	struct pollfd p = {.fd = events, .events = POLLPRI};
	while (populated(events) == 1)
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return -errno;
	return 0;
}
