// SPDX-License-Identifier: Apache-2.0
// A zone's RAM is a memfd that the supervisor holds, too: when QEMU dies the frames stay where they
// are until the Core has been told (teardown.c). mlock(2) keeps them from being swapped out, yet
// compaction may still move them; a long-term pin, which io_uring's registered buffers take, does
// not let it.
#include "ram.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/io_uring.h>
#include "../jail/jail.h"

#define BUFFER_BYTES (1ull << 30) // io_uring's limit for one buffer
#define BUFFERS_MAX  64u
#define SEALS	     (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static int pin(struct ram *ram)
{
	struct io_uring_params params = {0};
	struct iovec buffers[BUFFERS_MAX];
	unsigned int n = 0;

	for (size_t at = 0; at < ram->bytes && n < BUFFERS_MAX; at += BUFFER_BYTES, n++) {
		size_t left = ram->bytes - at;
		buffers[n].iov_base = (char *)ram->map + at;
		buffers[n].iov_len = left < BUFFER_BYTES ? left : BUFFER_BYTES;
	}
	ram->ring = (int)syscall(SYS_io_uring_setup, 1, &params);
	if (ram->ring < 0)
		return -errno;
	if (syscall(SYS_io_uring_register, ram->ring, IORING_REGISTER_BUFFERS, buffers, n))
		return -errno;
	return 0;
}

// May the host's compaction move locked pages?
static bool moves_locked_pages(void)
{
	char c = '1';
	int fd = open("/proc/sys/vm/compact_unevictable_allowed", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, &c, 1);
	close(fd);
	return n != 1 || c != '0';
}

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

static int lock_all(struct ram *ram, const char **warn)
{
	if (mlock(ram->map, ram->bytes))
		return -errno;
	int rc = pin(ram);
	if (rc && moves_locked_pages())
		*warn = "the zone's memory is locked but not pinned, so the host may move it, "
			"which ends the zone; set vm.compact_unevictable_allowed=0";
	return 0;
}

int ram_create(struct ram *ram, uint64_t bytes, bool lock, int cgroup, const char **warn)
{
	*ram = (struct ram)RAM_NONE;
	*warn = NULL;
	ram->bytes = bytes;
	ram->fd = memfd_create("cloister-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (ram->fd < 0)
		return -errno;
	int rc =
		ftruncate(ram->fd, (off_t)bytes) || fcntl(ram->fd, F_ADD_SEALS, SEALS) ? -errno : 0;
	if (!rc)
		rc = populate(ram, cgroup);
	if (!rc && lock)
		rc = lock_all(ram, warn);
	if (rc)
		ram_release(ram);
	return rc;
}

void ram_release(struct ram *ram)
{
	if (ram->ring >= 0)
		close(ram->ring);
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
