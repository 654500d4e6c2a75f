// SPDX-License-Identifier: Apache-2.0
// A zone's RAM is a memfd that the supervisor holds, too: when QEMU dies the frames stay where they
// are until the Core has been told (teardown.c). The host may swap and move them as any memory: the
// Core seals a page before the host has it.
#include "ram.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../jail/jail.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

// A memfd gets huge pages only if the host allows them on request; Debian's default is "never".
static void allow_huge_pages(void)
{
	char now[128];
	int fd = open("/sys/kernel/mm/transparent_hugepage/shmem_enabled", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t n = read(fd, now, sizeof(now) - 1);
	if (n > 0) {
		now[n] = 0;
		if (strstr(now, "[never]") && pwrite(fd, "advise", 6, 0) != 6)
			errno = 0; // 4 KiB pages do as well, slower
	}
	close(fd);
}

// A page counts for the group of the process that touches it first.
static int touch_from(struct ram *ram, int cgroup)
{
	int status;
	pid_t pid = jail_fork(cgroup, 0);

	if (pid < 0)
		return pid;
	if (pid == 0)
		_exit(madvise(ram->map, ram->bytes, MADV_POPULATE_WRITE) ? errno : 0);
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	// Killed: the group's limit was too low for it.
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ENOMEM;
}

// In huge pages where the host has them: KVM then maps 2 MiB for one fault instead of 4 KiB, and
// each first touch of a page by a zone needs the host no more.
static int populate(struct ram *ram, int cgroup)
{
	allow_huge_pages();
	ram->map = mmap(NULL, ram->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ram->fd, 0);
	if (ram->map == MAP_FAILED) {
		ram->map = NULL;
		return -errno;
	}
	// A dump of this process would read every page and have the Core seal it.
	madvise(ram->map, ram->bytes, MADV_DONTDUMP);
	madvise(ram->map, ram->bytes, MADV_HUGEPAGE);
	int rc = cgroup < 0 ? 0 : touch_from(ram, cgroup);
	if (rc)
		return rc;
	return madvise(ram->map, ram->bytes, MADV_POPULATE_WRITE) ? -errno : 0;
}

int ram_create(struct ram *ram, uint64_t bytes, int cgroup)
{
	*ram = (struct ram)RAM_NONE;
	ram->bytes = bytes;
	ram->fd = memfd_create("cloister-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (ram->fd < 0)
		return -errno;
	int rc =
		ftruncate(ram->fd, (off_t)bytes) || fcntl(ram->fd, F_ADD_SEALS, SEALS) ? -errno : 0;
	if (!rc)
		rc = populate(ram, cgroup);
	if (rc)
		ram_release(ram);
	return rc;
}

void ram_release(struct ram *ram)
{
	if (ram->map)
		munmap(ram->map, ram->bytes);
	if (ram->fd >= 0)
		close(ram->fd);
	*ram = (struct ram)RAM_NONE;
}

uint64_t ram_available(void)
{
	char line[128];
	unsigned long long kib = 0;
	FILE *f = fopen("/proc/meminfo", "re");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	fclose(f);
	return kib * 1024;
}
