// SPDX-License-Identifier: Apache-2.0
// QMP (docs/interop/qmp-spec in QEMU's source): the server greets with one line, the client answers
// qmp_capabilities, then commands. QEMU serves one client at a time; each visit here is short.
#include "qmp.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "cleanup.h"
#include "state.h"

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int qmp_connect(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (!state_path(address.sun_path, sizeof(address.sun_path), name, QMP_SOCKET) ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		int rc = errno ? -errno : -ENAMETOOLONG;
		close(fd);
		return rc;
	}
	return fd;
}

int qmp_listen(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	int rc = state_path(address.sun_path, sizeof(address.sun_path), name, QMP_SOCKET)
			 ? 0
			 : -ENAMETOOLONG;
	if (!rc && (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1)))
		rc = -errno;
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

// Read until a line with `word` has come in. Events may stand before it.
static int expect(int fd, const char *word, int64_t until)
{
	char line[4096];
	size_t used = 0;

	for (;;) {
		int64_t left = until - now_ms();
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return -ETIMEDOUT;
		ssize_t n = recv(fd, line + used, sizeof(line) - 1 - used, MSG_DONTWAIT);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		used += n > 0 ? (size_t)n : 0;
		line[used] = '\0';
		char *end;
		while ((end = strchr(line, '\n'))) {
			*end = '\0';
			if (strstr(line, word))
				return 0;
			used -= (size_t)(end + 1 - line);
			memmove(line, end + 1, used + 1);
		}
		if (used == sizeof(line) - 1)
			return -EPROTO;
	}
}

static int command(int fd, const char *name, int64_t until)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "{\"execute\":\"%s\"}\n", name);

	if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		return -EPIPE;
	return expect(fd, "\"return\"", until);
}

int qmp_greets(const char *name, int ms)
{
	cleanup_close int fd = qmp_connect(name);
	return fd < 0 ? fd : expect(fd, "\"QMP\"", now_ms() + ms);
}

int qmp_quit(const char *name, int ms)
{
	int64_t until = now_ms() + ms;
	cleanup_close int fd = qmp_connect(name);

	if (fd < 0)
		return fd;
	int rc = expect(fd, "\"QMP\"", until);
	if (!rc)
		rc = command(fd, "qmp_capabilities", until);
	if (!rc)
		rc = command(fd, "quit", until);
	// QEMU may be gone before its answer is read.
	return rc == -ECONNRESET || rc == -EPIPE ? 0 : rc;
}
