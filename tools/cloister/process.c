// SPDX-License-Identifier: Apache-2.0
// pidfds, and the start time that tells a process from its successor.
#include "process.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "cleanup.h"

struct process process_of(pid_t pid)
{
	struct process none = {0};
	char path[32], text[1024];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return none;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return none;
	text[n] = '\0';
	// The name, field 2, is in parentheses and may hold anything: go on after the last one.
	char *c = strrchr(text, ')');
	if (!c || c[1] == '\0' || c[2] == 'Z' || c[2] == 'X')
		return none;
	for (int field = 2; field < 22 && c; field++)
		c = strchr(c + 1, ' ');
	return c ? (struct process){pid, strtoull(c, NULL, 10)} : none;
}

bool process_alive(const struct process *p)
{
	return p->pid > 0 && process_of(p->pid).start == p->start;
}

int process_open(const struct process *p)
{
	if (p->pid <= 0)
		return -ESRCH;
	int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	if (fd < 0)
		return -ESRCH;
	// Compare after opening: from here on the descriptor cannot mean another process.
	if (!process_alive(p)) {
		close(fd);
		return -ESRCH;
	}
	return fd;
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool process_wait(int pidfd, int ms)
{
	int64_t end = now_ms() + ms;
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	for (;;) {
		int64_t left = ms < 0 ? -1 : end - now_ms();
		int n = poll(&p, 1, ms < 0 ? -1 : left > 0 ? (int)left : 0);
		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

int process_signal(int pidfd, int signal)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) ? -errno : 0;
}
