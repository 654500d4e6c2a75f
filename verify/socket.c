// SPDX-License-Identifier: Apache-2.0
// Non-blocking TCP with one deadline.
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "socket.h"

int clv_error(char error[CL_ERROR_SIZE], int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(error, CL_ERROR_SIZE, fmt, args);
	va_end(args);
	for (char *c = error; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return code;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void clv_deadline(struct clv_socket *s, unsigned int timeout_ms)
{
	s->deadline_ms = now_ms() + timeout_ms;
}

static int wait_for(struct clv_socket *s, short events)
{
	for (;;) {
		struct pollfd p = {.fd = s->fd, .events = events};
		int64_t left = s->deadline_ms - now_ms();
		int rc;

		if (left <= 0)
			return -ETIMEDOUT;
		rc = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (rc > 0)
			return 0;
		if (rc < 0 && errno != EINTR)
			return -errno;
	}
}

static int connect_one(struct clv_socket *s, const struct addrinfo *a)
{
	int err = 0, rc;
	socklen_t size = sizeof(err);

	s->fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
	if (s->fd < 0)
		return -errno;
	if (connect(s->fd, a->ai_addr, a->ai_addrlen) == 0)
		return 0;
	rc = -errno;
	if (rc == -EINPROGRESS) {
		rc = wait_for(s, POLLOUT);
		if (rc == 0 && getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0)
			rc = -errno;
		else if (rc == 0)
			rc = -err;
	}
	if (rc)
		clv_close(s);
	return rc;
}

/* One address that swallows packets must not use up what the others need. */
static int connect_share(struct clv_socket *s, const struct addrinfo *a)
{
	int64_t deadline = s->deadline_ms, left = deadline - now_ms();
	int nr = 0, rc;

	for (const struct addrinfo *i = a; i; i = i->ai_next)
		nr++;
	if (left > 0)
		s->deadline_ms = deadline - left + left / nr;
	rc = connect_one(s, a);
	s->deadline_ms = deadline;
	return rc;
}

int clv_connect(struct clv_socket *s, const char *host, uint16_t port, unsigned int timeout_ms,
		char error[CL_ERROR_SIZE])
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	char service[6];
	int rc;

	s->fd = -1;
	clv_deadline(s, timeout_ms);
	snprintf(service, sizeof(service), "%u", port);
	rc = getaddrinfo(host, service, &hints, &list);
	if (rc)
		return clv_error(error, -EHOSTUNREACH, "%s: %s", host, gai_strerror(rc));
	rc = -EHOSTUNREACH;
	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		rc = connect_share(s, a);
		if (rc == 0)
			break;
	}
	freeaddrinfo(list);
	if (rc)
		return clv_error(error, rc, "cannot connect to %s port %u: %s", host, port,
				 strerror(-rc));
	return 0;
}

void clv_close(struct clv_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

int clv_send(struct clv_socket *s, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t n = send(s->fd, at, size, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n < 0) {
			int rc = wait_for(s, POLLOUT);

			if (rc)
				return rc;
			continue;
		}
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

ssize_t clv_receive(struct clv_socket *s, void *data, size_t size)
{
	for (;;) {
		/* First, so that a peer that always has one more byte meets the deadline, too. */
		int rc = wait_for(s, POLLIN);
		ssize_t n;

		if (rc)
			return rc;
		n = recv(s->fd, data, size, 0);
		if (n >= 0)
			return n;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
}
