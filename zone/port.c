// SPDX-License-Identifier: Apache-2.0
// Without udev there are no names in /dev/virtio-ports: sysfs has them.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "cleanup.h"
#include "port.h"

#define PORTS "/sys/class/virtio-ports"

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int has_name(const char *entry, const char *name)
{
	char text[64] = "";
	char path[320];

	snprintf(path, sizeof(path), PORTS "/%s/name", entry);
	cleanup_fclose FILE *file = fopen(path, "re");
	if (!file || !fgets(text, sizeof(text), file))
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, name) == 0;
}

int port_open(const char *name)
{
	__attribute__((cleanup(close_dir))) DIR *dir = opendir(PORTS);
	struct dirent *entry;
	char path[320];

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !has_name(entry->d_name, name))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
		return fd < 0 ? -errno : fd;
	}
	return -ENOENT;
}
