// SPDX-License-Identifier: Apache-2.0
// Load the modules that the recipe of the initrd chose, in the order that modules.dep gave it.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "cleanup.h"
#include "modules.h"
#include "say.h"

static int load(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
		return -errno;
	return 0;
}

int modules_load(const char *list)
{
	char path[256];
	cleanup_fclose FILE *file = fopen(list, "re");
	if (!file)
		return -errno;
	while (fgets(path, sizeof(path), file)) {
		path[strcspn(path, "\n")] = '\0';
		if (!path[0])
			continue;
		int error = load(path);
		if (error) {
			say("module %s: %s", path, strerror(-error));
			return error;
		}
	}
	return 0;
}
