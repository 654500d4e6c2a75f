// SPDX-License-Identifier: Apache-2.0
// Finding file names in QEMU's options, where they stand behind "=", "," ":" or a quote.
#include "given.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int given_parse(char *text, struct given *given)
{
	size_t length = strlen(text);

	*given = (struct given){.path = text, .fd = -1, .fd_read = -1};
	if (length > 3 &&
	    (!strcmp(text + length - 3, ":rw") || !strcmp(text + length - 3, ":ro"))) {
		given->writable = text[length - 1] == 'w';
		text[length - 3] = '\0';
	}
	// What QEMU's own grammar would take for something else cannot be found in an argument.
	return text[0] == '/' && !strpbrk(text, ",:\"=") ? 0 : -EINVAL;
}

static int open_one(const char *path, int mode)
{
	struct stat st;
	// O_NONBLOCK: do not wait for the other end of what turns out to be a pipe.
	int fd = open(path, mode | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	int rc = fstat(fd, &st) ? -errno : 0;
	if (!rc && !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		rc = -EINVAL;
	if (!rc && fcntl(fd, F_SETFL, 0))
		rc = -errno;
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

int given_open(struct given *given)
{
	int fd = open_one(given->path, given->writable ? O_RDWR : O_RDONLY);

	if (fd < 0)
		return fd;
	given->fd = fd;
	if (!given->writable)
		return 0;
	fd = open_one(given->path, O_RDONLY);
	given->fd_read = fd;
	return fd < 0 ? fd : 0;
}

void given_close(struct given *given)
{
	if (given->fd >= 0)
		close(given->fd);
	if (given->fd_read >= 0)
		close(given->fd_read);
	given->fd = given->fd_read = -1;
}

static bool starts(const char *argument, const char *at)
{
	return at[0] == '/' && (at == argument || strchr("=,:\"", at[-1]));
}

static size_t path_length(const char *at)
{
	return strcspn(at, ",\"");
}

char *given_replace(const char *argument, const struct given *given, uint32_t count)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (const char *at = argument; *at;) {
		uint32_t i = count;
		size_t length = path_length(at);
		for (i = 0; starts(argument, at) && i < count; i++)
			if (strlen(given[i].path) == length && !memcmp(at, given[i].path, length))
				break;
		if (starts(argument, at) && i < count) {
			fprintf(f, "/dev/fdset/%u", GIVEN_SET + i);
			at += length;
		} else {
			fputc(*at++, f);
		}
	}
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

bool given_missing(const char *argument, char *path, uint32_t size)
{
	static const char *const known[] = {"/dev/fdset/",  "/dev/null",   "/dev/zero",
					    "/dev/urandom", "/proc/self/", NULL};

	for (const char *at = argument; *at; at++) {
		if (!starts(argument, at))
			continue;
		snprintf(path, size, "%.*s", (int)path_length(at), at);
		bool own = false;
		for (const char *const *k = known; *k; k++)
			own |= !strncmp(path, *k, strlen(*k));
		if (!own && path[1] != '/' && path[1] != '\0' && !access(path, F_OK))
			return true;
	}
	return false;
}
