// SPDX-License-Identifier: Apache-2.0
// One client after the other: those that it is for are few and quick.
#include "evidence_serve.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define KINDS_MAX    8
#define WAIT_SECONDS 5

static int listen_on_loopback(const char *name)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in, size) || listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)&in, &size))
		return -1;
	printf("%s %u\n", name, ntohs(in.sin_port));
	return fd;
}

static void serve_one(int fd, const struct evidence_kind *kind)
{
	static uint8_t bundle[CL_EVIDENCE_MAX];
	static struct evidence_forge f;
	const struct timeval wait = {.tv_sec = WAIT_SECONDS};
	uint8_t data[CL_REPORT_DATA];

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (recv(fd, data, sizeof(data), MSG_WAITALL) != sizeof(data))
		return;
	kind->forge(&f, data);
	size_t size = evidence_forge_make(&f, bundle, sizeof(bundle));
	for (size_t sent = 0; sent < size;) {
		ssize_t n = send(fd, bundle + sent, size - sent, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		sent += (size_t)n;
	}
}

void evidence_serve(const struct evidence_kind *kinds, size_t count)
{
	struct pollfd polled[KINDS_MAX];

	for (size_t i = 0; i < count; i++)
		if ((polled[i] = (struct pollfd){listen_on_loopback(kinds[i].name), POLLIN, 0}).fd <
		    0)
			return;
	fflush(stdout);
	while (poll(polled, count, -1) >= 0) {
		for (size_t i = 0; i < count; i++) {
			int fd = polled[i].revents ? accept4(polled[i].fd, NULL, NULL, SOCK_CLOEXEC)
						   : -1;
			if (fd < 0)
				continue;
			serve_one(fd, &kinds[i]);
			close(fd);
		}
	}
}
