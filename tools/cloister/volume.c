// SPDX-License-Identifier: Apache-2.0
// Opening, locking, handing over. What is in the file is the zone's business.
#include "volume.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "message.h"
#include "tpm_relay.h"

int volume_parse(const char *text, struct volume *v)
{
	size_t length = strcspn(text, "=");

	if (text[length] != '=' || length >= sizeof(v->name) || !text[length + 1])
		return -EINVAL;
	memcpy(v->name, text, length);
	v->name[length] = '\0';
	v->path = text + length + 1;
	return zone_volume_name(v->name) ? 0 : -EINVAL;
}

// A new file is all hole: it takes as much of the disk as the zone has written.
static int make_file(struct volume *v)
{
	int fd = open(v->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)v->bytes)) {
		int rc = -errno;
		close(fd);
		unlink(v->path);
		return rc;
	}
	return fd;
}

static int file_bytes(int fd, uint64_t *bytes)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	*bytes = (uint64_t)st.st_size;
	if (S_ISREG(st.st_mode))
		return 0;
	if (!S_ISBLK(st.st_mode))
		return -EINVAL;
	return ioctl(fd, BLKGETSIZE64, bytes) ? -errno : 0;
}

static int in_use(const struct volume *v, const char *why)
{
	return fail(EXIT_VOLUME,
		    "--volume %s: %s; stop the zone that uses it (`cloister ps`), or unmount it",
		    v->path, why);
}

static int open_file(struct volume *v)
{
	struct stat st;
	v->block = !stat(v->path, &st) && S_ISBLK(st.st_mode);
	// O_EXCL: a block device that is mounted, or open so elsewhere, is refused.
	int extra = O_CLOEXEC | O_NONBLOCK | (v->block ? O_EXCL : 0);
	uint64_t bytes = 0;

	v->fd = open(v->path, O_RDWR | extra);
	if (v->fd < 0 && errno == ENOENT && v->bytes)
		v->fd = make_file(v);
	else if (v->fd < 0)
		v->fd = -errno;
	if (v->fd == -ENOENT)
		return fail(EXIT_VOLUME,
			    "--volume %s: no such file; give its path, or --volume-size to make it",
			    v->path);
	int rc = v->fd < 0 ? v->fd : fcntl(v->fd, F_SETFL, 0) ? -errno : file_bytes(v->fd, &bytes);
	if (rc == -EINVAL)
		return fail(EXIT_VOLUME, "--volume %s: neither a file nor a block device", v->path);
	if (rc == -EBUSY)
		return in_use(v, "in use");
	if (rc)
		return fail(EXIT_VOLUME, "--volume %s: %s; check path and rights", v->path,
			    strerror(-rc));
	if (bytes < VOLUME_BYTES_MIN || bytes > VOLUME_BYTES_MAX || bytes % 4096)
		return fail(EXIT_VOLUME,
			    "--volume %s: %" PRIu64 " bytes; whole 4 KiB, from 64 MiB to 16 TiB, "
			    "expected",
			    v->path, bytes);
	if (v->bytes && v->bytes != bytes)
		return fail(EXIT_VOLUME,
			    "--volume-size: %s is there, and has %" PRIu64 " bytes; leave the "
			    "option out",
			    v->path, bytes);
	if (flock(v->fd, LOCK_EX | LOCK_NB))
		return in_use(v, errno == EWOULDBLOCK ? "in use" : strerror(errno));
	v->fd_read = open(v->path, O_RDONLY | O_CLOEXEC);
	return v->fd_read < 0 ? fail(EXIT_VOLUME, "--volume %s: %s; check path and rights", v->path,
				     strerror(errno))
			      : EXIT_OK;
}

// A device, or the socket of a software TPM that speaks as one does.
static int open_tpm(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;

	if (stat(path, &st))
		return -errno;
	if (S_ISCHR(st.st_mode)) {
		int fd = open(path, O_RDWR | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	if (!S_ISSOCK(st.st_mode))
		return -EINVAL;
	size_t size = strlen(path) + 1;
	if (size > sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, size);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		int rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	return fd;
}

int volume_check(struct volume *v, const struct zone_image *img)
{
	if (!img->volume[0] && !v->name[0])
		return v->bytes ? fail(EXIT_USAGE, "--volume-size: for --volume only; give both")
				: EXIT_OK;
	if (!img->volume[0])
		return fail(EXIT_VOLUME,
			    "--volume %s: the image keeps nothing on volumes; leave the option out",
			    v->name);
	if (!v->name[0])
		return fail(EXIT_VOLUME,
			    "the image keeps its volume \"%s\" on a disk; give --volume %s=FILE "
			    "(--volume-size SIZE makes a new one)",
			    img->volume, img->volume);
	if (strcmp(v->name, img->volume) != 0)
		return fail(EXIT_VOLUME,
			    "--volume %s: the image's volume is called \"%s\"; give "
			    "--volume %s=FILE",
			    v->name, img->volume, img->volume);
	v->tpm_fd = open_tpm(v->tpm);
	if (v->tpm_fd < 0)
		return fail(EXIT_VOLUME,
			    "--volume: the zone counts in this machine's TPM; %s: %s; load its "
			    "driver, or give --tpm",
			    v->tpm, strerror(-v->tpm_fd));
	return open_file(v);
}

int volume_start(struct volume *v, uint32_t jail_id, int cgroup)
{
	int tpm[2], control[2];

	if (!v->name[0])
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, tpm))
		return -errno;
	v->guest_tpm = tpm[0];
	int rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) ? -errno : 0;
	if (!rc) {
		v->guest_control = control[0];
		v->control = control[1];
		pid_t pid = tpm_relay_start(tpm[1], v->tpm_fd, jail_id, cgroup);
		rc = pid < 0 ? pid : 0;
		v->relay = pid < 0 ? 0 : pid;
	}
	close(tpm[1]);
	close(v->tpm_fd);
	v->tpm_fd = -1;
	return rc;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void volume_started(struct volume *v)
{
	close_one(&v->guest_tpm);
	close_one(&v->guest_control);
}

bool volume_ask_stop(const struct volume *v)
{
	return v->control >= 0 && send(v->control, "s", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

void volume_close(struct volume *v)
{
	if (v->relay) {
		kill(v->relay, SIGKILL);
		waitpid(v->relay, NULL, 0);
		v->relay = 0;
	}
	volume_started(v);
	close_one(&v->control);
	close_one(&v->tpm_fd);
	close_one(&v->fd);
	close_one(&v->fd_read);
}
