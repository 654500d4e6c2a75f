// SPDX-License-Identifier: Apache-2.0
#include "listen.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_socket(const struct addrinfo *a, struct address *address)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} bound = {.v6 = {0}};
	socklen_t size = sizeof(bound);
	int one = 1, fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, 64) ||
	    getsockname(fd, &bound.any, &size)) {
		int rc = -errno;
		close(fd);
		return rc;
	}
	address->port =
		ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
	return fd;
}

int listen_on(struct address *address)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC,
				       .ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	char service[8];

	snprintf(service, sizeof(service), "%u", address->port);
	if (getaddrinfo(address->host, service, &hints, &list))
		return -EINVAL;
	int fd = open_socket(list, address);
	freeaddrinfo(list);
	return fd;
}
