// SPDX-License-Identifier: Apache-2.0
// Read and write small files.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "cleanup.h"
#include "file.h"
#include "message.h"

int read_file(const char *option, const char *path, size_t max, char **data, size_t *size)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	cleanup_free char *text = NULL;

	if (fd < 0)
		return fail(EXIT_ERROR, "%s %s: cannot open it: %s; check the path", option, path,
			    strerror(errno));
	text = malloc(max + 2);
	if (!text)
		return fail(EXIT_MEMORY, "%s %s: cannot read it: out of memory; free some", option,
			    path);
	*size = 0;
	while (*size <= max) {
		ssize_t n = read(fd, text + *size, max + 1 - *size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(EXIT_ERROR, "%s %s: cannot read it: %s; check the file", option,
				    path, strerror(errno));
		if (n == 0)
			break;
		*size += (size_t)n;
	}
	if (*size > max)
		return fail(EXIT_ERROR,
			    "%s %s: it has more than %zu bytes; this is not the file that you mean",
			    option, path, max);
	text[*size] = '\0';
	*data = text;
	text = NULL;
	return EXIT_OK;
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return fsync(fd) ? -errno : 0;
}

int write_file(const char *path, const char *data, size_t size)
{
	char part[PATH_MAX];

	if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part))
		return fail(EXIT_USAGE, "%s: the path is too long; give a shorter one", path);
	cleanup_close int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail(EXIT_ERROR, "%s: cannot write it: %s; check the directory", path,
			    strerror(errno));
	int err = write_all(fd, data, size);
	if (!err && rename(part, path))
		err = -errno;
	if (!err)
		return EXIT_OK;
	unlink(part);
	return fail(EXIT_ERROR, "%s: cannot write it: %s; check the disk", path, strerror(-err));
}
