// SPDX-License-Identifier: Apache-2.0
// One poll loop over a fixed number of connections. The network is hostile: a request is bounded,
// a connection lives for CONNECTION_MS at most, and when all places are taken the oldest one goes,
// so slow clients cannot keep others out. Nothing here is secret: reports are public.
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "core.h"
#include "http.h"
#include "report.h"

#define CONNECTIONS_MAX 16u
#define CONNECTION_MS	10000
#define HEAD_MAX	256u

struct connection {
	int fd; // -1: free
	int64_t deadline;
	size_t in_size;
	size_t out_size; // 0: still reading
	size_t out_sent;
	char in[HTTP_REQUEST_MAX];
	char out[HEAD_MAX + CL_REPORT_MAX];
};

static struct connection connections[CONNECTIONS_MAX];

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int report_listen(uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_ANY),
	};
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) || listen(fd, 64)) {
		int error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

static void drop(struct connection *c)
{
	close(c->fd);
	c->fd = -1;
}

static void answer(struct connection *c, int status, const void *body, size_t size)
{
	c->out_size = http_head(status, size, c->out, HEAD_MAX);
	memcpy(c->out + c->out_size, body, size);
	c->out_size += size;
	c->out_sent = 0;
}

static void answer_text(struct connection *c, int status, const char *text)
{
	answer(c, status, text, strlen(text));
}

static void answer_report(struct connection *c, const uint8_t nonce[CL_REPORT_NONCE_SIZE],
			  const uint8_t spki[CL_REPORT_SPKI_SIZE])
{
	uint8_t data[CL_REPORT_DATA];
	uint8_t report[CL_REPORT_MAX];
	char text[128];
	uint32_t size = 0;

	memcpy(data, nonce, CL_REPORT_NONCE_SIZE);
	memcpy(data + CL_REPORT_NONCE_SIZE, spki, CL_REPORT_SPKI_SIZE);
	int result = core_report(data, report, &size);
	if (result == 0) {
		answer(c, 200, report, size);
	} else if (result == CORE_NOT_A_ZONE) {
		answer_text(c, 503, "not a zone: no Core beneath this guest\n");
	} else {
		snprintf(text, sizeof(text), "the Core gives no report: %s\n", strerror(-result));
		answer_text(c, 503, text);
	}
}

static void answer_request(struct connection *c, const uint8_t spki[CL_REPORT_SPKI_SIZE])
{
	uint8_t nonce[CL_REPORT_NONCE_SIZE];

	switch (http_parse(c->in, c->in_size, nonce)) {
	case 0:
		break;
	case 200:
		answer_report(c, nonce, spki);
		break;
	case 404:
		answer_text(c, 404, "there is only /report?nonce=<64 hex digits>\n");
		break;
	case 405:
		answer_text(c, 405, "only GET\n");
		break;
	case 431:
		answer_text(c, 431, "request too large\n");
		break;
	default:
		answer_text(c, 400, "want GET /report?nonce=<64 hex digits> HTTP/1.1\n");
		break;
	}
}

static void on_input(struct connection *c, const uint8_t spki[CL_REPORT_SPKI_SIZE])
{
	// After the answer only the client's end matters: closing with unread input would reset
	// the connection and could take the answer with it.
	char rest[256];
	char *to = c->out_size ? rest : c->in + c->in_size;
	size_t room = c->out_size ? sizeof(rest) : sizeof(c->in) - c->in_size;
	ssize_t n = recv(c->fd, to, room, 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		drop(c);
	} else if (n > 0 && !c->out_size) {
		c->in_size += (size_t)n;
		answer_request(c, spki);
	}
}

static void on_output(struct connection *c)
{
	ssize_t n = send(c->fd, c->out + c->out_sent, c->out_size - c->out_sent, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		drop(c);
		return;
	}
	c->out_sent += n > 0 ? (size_t)n : 0;
	if (c->out_sent == c->out_size)
		shutdown(c->fd, SHUT_WR);
}

static void on_connect(int listener)
{
	struct connection *place = &connections[0];
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return; // the client went away, or no descriptor is free for now
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		if (connections[i].fd < 0) {
			place = &connections[i];
			break;
		}
		if (connections[i].deadline < place->deadline)
			place = &connections[i];
	}
	if (place->fd >= 0)
		drop(place);
	place->fd = fd;
	place->deadline = now_ms() + CONNECTION_MS;
	place->in_size = 0;
	place->out_size = 0;
	place->out_sent = 0;
}

// The earliest deadline as poll's timeout; -1 with no connection, so that an idle zone sleeps.
static int next_timeout(void)
{
	int64_t now = now_ms();
	int64_t least = -1;

	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		if (connections[i].fd < 0)
			continue;
		int64_t left = connections[i].deadline - now;
		if (left < 0)
			left = 0;
		if (least < 0 || left < least)
			least = left;
	}
	return (int)least;
}

void report_serve(int listener, const uint8_t spki[CL_REPORT_SPKI_SIZE])
{
	struct pollfd wait[CONNECTIONS_MAX + 1];

	for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
		connections[i].fd = -1;
	for (;;) {
		for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
			const struct connection *c = &connections[i];
			int sending = c->out_size && c->out_sent < c->out_size;
			wait[i] = (struct pollfd){c->fd, sending ? POLLOUT : POLLIN, 0};
		}
		wait[CONNECTIONS_MAX] = (struct pollfd){listener, POLLIN, 0};
		if (poll(wait, CONNECTIONS_MAX + 1, next_timeout()) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		int64_t now = now_ms();
		for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
			struct connection *c = &connections[i];
			if (c->fd < 0)
				continue;
			if (now >= c->deadline)
				drop(c);
			else if (wait[i].revents & POLLOUT)
				on_output(c);
			else if (wait[i].revents)
				on_input(c, spki);
		}
		if (wait[CONNECTIONS_MAX].revents)
			on_connect(listener);
	}
}
