// SPDX-License-Identifier: Apache-2.0
// Atomic replacement (rename(2)), durable by fsync(2) of the file first and the directory after.
#include "files.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
	}
	return fsync(fd) ? -errno : 0;
}

int file_replace(int dir, const char *name, const void *data, size_t size, mode_t mode)
{
	char temporary[NAME_MAX + 1];
	int n = snprintf(temporary, sizeof(temporary), ".%s.new", name);

	if (n < 0 || (size_t)n >= sizeof(temporary))
		return -ENAMETOOLONG;
	// What a killed process has left is nobody's: whoever writes holds the directory's lock.
	if (unlinkat(dir, temporary, 0) && errno != ENOENT)
		return -errno;
	int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	int rc = fchmod(fd, mode) ? -errno : write_all(fd, data, size);
	if (close(fd) && !rc)
		rc = -errno;
	if (!rc && renameat(dir, temporary, dir, name))
		rc = -errno;
	if (rc)
		unlinkat(dir, temporary, 0);
	else if (fsync(dir))
		rc = -errno;
	return rc;
}

int file_read(int dir, const char *name, void *data, size_t max)
{
	struct stat st;
	size_t have = 0;
	char more;
	int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int rc = fstat(fd, &st) ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	while (!rc) {
		ssize_t n =
			have < max ? read(fd, (char *)data + have, max - have) : read(fd, &more, 1);
		if (n < 0 && errno != EINTR)
			rc = -errno;
		if (n > 0 && have == max)
			rc = -EFBIG;
		if (n == 0)
			break;
		if (n > 0)
			have += (size_t)n;
	}
	close(fd);
	return rc ? rc : (int)have;
}

int dir_make(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t length = strlen(path);

	if (length == 0 || length >= sizeof(part))
		return length ? -ENAMETOOLONG : -EINVAL;
	memcpy(part, path, length + 1);
	for (size_t i = 1; i < length; i++) {
		if (part[i] != '/')
			continue;
		part[i] = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return -errno;
		part[i] = '/';
	}
	return mkdir(part, mode) && errno != EEXIST ? -errno : 0;
}
