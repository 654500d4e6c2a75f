// SPDX-License-Identifier: Apache-2.0
// One thread at a time waits for somebody; who has got one serves it while the next one waits.
#include "endpoint.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include "../cloister/message.h"
#include "http_head.h"
#include "stream.h"

#define RETRY_MS 100

struct worker {
	struct endpoint *endpoint;
	pthread_t thread;
	int fd; // of who is served; -1: nobody
};

struct endpoint {
	int listener, stop;
	struct credential *credential;
	struct keyring *keyring;
	pthread_mutex_t accepting;
	pthread_mutex_t lock; // of each worker's fd, and of ending
	bool ending;
	struct worker worker[ENDPOINT_THREADS];
	size_t count; // of those that have a thread
};

static const char *reason(unsigned int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	default:
		return "Bad Request";
	}
}

static int answer(struct stream *s, unsigned int status, const char *body, size_t size)
{
	char head[512];
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.1 %u %s\r\n"
			 "Content-Type: %s\r\n"
			 "Content-Length: %zu\r\n"
			 "%s"
			 "Cache-Control: no-store\r\n"
			 "Connection: close\r\n"
			 "\r\n",
			 status, reason(status), status == 200 ? "application/json" : "text/plain",
			 size, status == 405 ? "Allow: GET\r\n" : "");

	return stream_write(s, head, (size_t)n) ?: stream_write(s, body, size);
}

static void answer_request(const struct endpoint *e, struct stream *s)
{
	static const char other[] = "there is GET " HTTP_BUNDLE_PATH "\n";
	char head[HTTP_HEAD_MAX];
	size_t have = 0, size = 0;

	while (!size) {
		ssize_t n = have < sizeof(head) ? stream_read(s, head + have, sizeof(head) - have)
						: -EMSGSIZE;
		if (n <= 0)
			return;
		have += (size_t)n;
		size = http_head_end(head, have);
	}
	unsigned int status = http_request_status(head, size);
	if (status != 200) {
		answer(s, status, other, sizeof(other) - 1);
		return;
	}
	const struct authorities *a = keyring_hold(e->keyring);
	answer(s, status, a->jwks, a->jwks_size);
	keyring_release(e->keyring, a);
}

static void serve_one(const struct endpoint *e, int fd)
{
	struct clv_socket socket = {.fd = fd};
	char error[CL_ERROR_SIZE];
	struct stream s;
	SSL_CTX *context = credential_context(e->credential, time(NULL), error);

	if (error[0])
		note("bundle endpoint: %s", error);
	clv_deadline(&socket, ENDPOINT_MS);
	// What goes wrong with a stranger's connection is the stranger's business.
	if (!stream_open(&s, context, socket, NULL, error)) {
		answer_request(e, &s);
		stream_close(&s);
	}
	SSL_CTX_free(context);
}

// A connection, or -1: this is the end.
static int next_connection(struct endpoint *e)
{
	struct pollfd polled[] = {{.fd = e->stop, .events = POLLIN},
				  {.fd = e->listener, .events = POLLIN}};
	int fd = -1;

	pthread_mutex_lock(&e->accepting);
	while (fd < 0 && !polled[0].revents) {
		if (poll(polled, 2, -1) < 0 || !polled[1].revents)
			continue;
		fd = accept4(e->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		// Out of descriptors: the connection stays in the queue, and poll() would spin.
		if (fd < 0 && errno != EAGAIN)
			poll(polled, 1, RETRY_MS);
	}
	pthread_mutex_unlock(&e->accepting);
	return fd;
}

// false: all are being hung up on.
static bool now_serving(struct worker *w, int fd)
{
	pthread_mutex_lock(&w->endpoint->lock);
	bool go_on = !w->endpoint->ending;
	w->fd = go_on ? fd : -1;
	pthread_mutex_unlock(&w->endpoint->lock);
	return go_on;
}

static void *work(void *argument)
{
	struct worker *w = argument;

	for (int fd = next_connection(w->endpoint); fd >= 0; fd = next_connection(w->endpoint)) {
		// A duplicate: the stream closes its own, and nobody else's may be shut down.
		int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (copy < 0 || !now_serving(w, copy))
			close(fd);
		else
			serve_one(w->endpoint, fd);
		now_serving(w, -1);
		if (copy >= 0)
			close(copy);
	}
	OPENSSL_thread_stop();
	return NULL;
}

int endpoint_start(int listener, struct credential *credential, struct keyring *keyring,
		   struct endpoint **endpoint)
{
	struct endpoint *e = calloc(1, sizeof(*e));
	int rc = 0;

	*endpoint = NULL;
	if (!e)
		return -ENOMEM;
	*e = (struct endpoint){.listener = listener,
			       .stop = eventfd(0, EFD_CLOEXEC),
			       .credential = credential,
			       .keyring = keyring};
	pthread_mutex_init(&e->accepting, NULL);
	pthread_mutex_init(&e->lock, NULL);
	if (e->stop < 0)
		rc = -errno;
	while (!rc && e->count < ENDPOINT_THREADS) {
		struct worker *w = &e->worker[e->count];
		*w = (struct worker){.endpoint = e, .fd = -1};
		rc = -pthread_create(&w->thread, NULL, work, w);
		e->count += !rc;
	}
	if (rc)
		endpoint_stop(e);
	else
		*endpoint = e;
	return rc;
}

void endpoint_stop(struct endpoint *e)
{
	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	e->ending = true;
	for (size_t i = 0; i < e->count; i++)
		if (e->worker[i].fd >= 0)
			shutdown(e->worker[i].fd, SHUT_RDWR);
	pthread_mutex_unlock(&e->lock);
	if (e->stop >= 0)
		eventfd_write(e->stop, 1);
	for (size_t i = 0; i < e->count; i++)
		pthread_join(e->worker[i].thread, NULL);
	if (e->stop >= 0)
		close(e->stop);
	pthread_mutex_destroy(&e->accepting);
	pthread_mutex_destroy(&e->lock);
	free(e);
}
