// SPDX-License-Identifier: Apache-2.0
// Logs lie in /run, which is memory. Whoever writes them must not fill it: the oldest part is
// punched out. Nobody has to reopen anything for that, and no byte that is kept moves.
#include "console.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cleanup.h"
#include "message.h"

#define LOG_MAX	   (4 << 20)
#define LOG_KEEP   (1 << 20)
#define TAIL_BYTES 2048
#define TAIL_LINES 12

int follow_open(struct follow *f, const char *path)
{
	*f = (struct follow){.fd = -1, .notify = -1, .terminal = isatty(STDOUT_FILENO)};
	f->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (f->notify < 0 || inotify_add_watch(f->notify, path, IN_MODIFY) < 0)
		return -errno;
	f->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (f->fd < 0)
		return -errno;
	off_t data = lseek(f->fd, 0, SEEK_DATA);
	f->at = data > 0 ? data : 0;
	return 0;
}

int follow_copy(struct follow *f)
{
	char text[8192], events[1024];

	while (read(f->notify, events, sizeof(events)) > 0)
		;
	for (;;) {
		ssize_t n = pread(f->fd, text, sizeof(text), f->at);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		for (ssize_t i = 0; i < n; i++) {
			char c = text[i];
			if (c == '\r' && f->terminal)
				continue;
			if (f->terminal && c != '\n' && c != '\t' && (c < ' ' || c > '~'))
				c = '?';
			putchar(c);
		}
		f->at += n;
	}
	return fflush(stdout) ? -EIO : 0;
}

void follow_close(struct follow *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->notify >= 0)
		close(f->notify);
}

// What it takes in memory counts: fallocate(2) puts blocks behind a file's end as well.
static bool log_too_long(int fd, struct stat *st)
{
	return !fstat(fd, st) && st->st_blocks * 512 > LOG_MAX;
}

void log_trim(const char *path)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	struct stat st;
	cleanup_close int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || !log_too_long(fd, &st))
		return;
	off_t end = (st.st_size - LOG_KEEP) & ~(off_t)4095;
	// Nothing to be done where the file system cannot; a tmpfs can.
	if (end > 0 && fallocate(fd, punch, 0, end))
		return;
	// Only if that was not enough: a line that is written meanwhile lies behind the end, too.
	if (log_too_long(fd, &st) && fallocate(fd, punch, st.st_size, INT64_MAX - st.st_size))
		return;
}

void log_tail(const char *path, const char *label)
{
	char text[TAIL_BYTES + 1], line[160];
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return;
	ssize_t n =
		pread(fd, text, TAIL_BYTES, st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0);
	if (n <= 0)
		return;
	text[n] = '\0';
	while (n && strchr("\r\n", text[n - 1]))
		text[--n] = '\0';
	char *start = text + n;
	for (int lines = 0; start > text; start--)
		if (start[-1] == '\n' && ++lines == TAIL_LINES)
			break;
	for (char *next; start && *start; start = next) {
		next = strchr(start, '\n');
		if (next)
			*next++ = '\0';
		start[strcspn(start, "\r")] = '\0';
		printable(line, sizeof(line), start);
		fail(0, "  %s: %s", label, line);
	}
}
