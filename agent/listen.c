// SPDX-License-Identifier: Apache-2.0
#include "listen.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int check_directory(const char *path, const char **why)
{
	char dir[PATH_MAX];
	struct stat st;
	const char *end = strrchr(path, '/');
	size_t size = end == path ? 1 : (size_t)(end - path);

	memcpy(dir, path, size);
	dir[size] = '\0';
	*why = "the socket's directory cannot be read";
	if (lstat(dir, &st))
		return -errno;
	*why = "the socket's directory is no directory that only root may write";
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & (S_IWGRP | S_IWOTH))
		return -EPERM;
	return 0;
}

static int remove_stale(const struct sockaddr_un *address, const char **why)
{
	struct stat st;

	if (lstat(address->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	*why = "something else is in the socket's place";
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int rc = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;
	close(fd);
	*why = "another server has the socket";
	if (rc != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(address->sun_path) && errno != ENOENT ? -errno : 0;
}

int listen_unix(const char *path, const char **why)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t size = strlen(path);

	*why = "the socket's path has to be absolute and short";
	if (path[0] != '/' || path[size - 1] == '/' || size >= sizeof(address.sun_path))
		return -EINVAL;
	memcpy(address.sun_path, path, size);
	int rc = check_directory(path, why);
	if (!rc)
		rc = remove_stale(&address, why);
	if (rc)
		return rc;
	*why = "the socket cannot be made";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	// Before listen() nobody can connect, so the mode between does not matter.
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) || chmod(path, 0666) ||
	    listen(fd, SOMAXCONN)) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}
