// SPDX-License-Identifier: Apache-2.0
#include "users.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include "../cleanup.h"
#include "../workload.h"

#define PASSWD_MAX 16384

static char passwd[PASSWD_MAX + 1];

int users_load(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, passwd + size, PASSWD_MAX - size)) > 0)
		size += (size_t)n;
	passwd[size] = '\0';
	return n < 0 ? -errno : size == PASSWD_MAX ? -E2BIG : 0;
}

// What a name may be that becomes a directory's, beside others with a dot (files.h, agent.h).
static bool plain(const char *name, size_t size)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return size && size <= USER_NAME_MAX && name[0] != '-' && strspn(name, allowed) == size;
}

int users_by_name(const char *name, struct user *user)
{
	size_t size = strlen(name);
	uint32_t uid, gid;

	if (!plain(name, size) || passwd_find(passwd, name, &uid, &gid))
		return -ENOENT;
	memcpy(user->name, name, size + 1);
	user->uid = uid;
	user->gid = gid;
	return 0;
}

int users_by_uid(uid_t uid, struct user *user)
{
	for (const char *line = passwd; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t size = strcspn(line, ":\n");
		char name[USER_NAME_MAX + 1] = "";

		if (size > USER_NAME_MAX)
			continue;
		memcpy(name, line, size);
		if (!users_by_name(name, user) && user->uid == uid)
			return 0;
	}
	return -ENOENT;
}
