// SPDX-License-Identifier: Apache-2.0
// QEMU opens these by name, /proc/self/fd/N, for which it needs the right to read them; a file that
// only root may read is copied.
#include "boot_files.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cleanup.h"
#include "message.h"

static int copy(int from, off_t bytes)
{
	off_t at = 0;
	int to = memfd_create("cloister-boot", MFD_CLOEXEC);

	if (to < 0)
		return -errno;
	while (at < bytes) {
		ssize_t n = sendfile(to, from, &at, (size_t)(bytes - at));
		if (n <= 0) {
			int rc = n ? -errno : -EIO;
			close(to);
			return rc;
		}
	}
	return to;
}

// A descriptor of our own, or negative errno.
static int readable_by_all(int from)
{
	struct stat st;

	if (fstat(from, &st))
		return -errno;
	if (!(st.st_mode & S_IROTH))
		return copy(from, st.st_size);
	int fd = fcntl(from, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int boot_files(const struct run *run, int fd[2])
{
	int wanted = run->opt.plain ? 2 : 1;

	if (run->opt.plain) {
		fd[0] = readable_by_all(run->img.fd[ZONE_KERNEL]);
		fd[1] = readable_by_all(run->img.fd[ZONE_INITRD]);
	} else {
		cleanup_close int loader = open(run->loader, O_RDONLY | O_CLOEXEC);
		fd[0] = loader < 0 ? -errno : readable_by_all(loader);
	}
	for (int i = 0; i < wanted; i++)
		if (fd[i] < 0)
			return fail(EXIT_ERROR,
				    "%s: what it boots cannot be read: %s; check free "
				    "memory",
				    run->opt.name, strerror(-fd[i]));
	return EXIT_OK;
}
