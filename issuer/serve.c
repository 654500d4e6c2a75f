// SPDX-License-Identifier: Apache-2.0
#include "serve.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include "../verify/hex.h"
#include "answer.h"

#define RETRY_MS 100

struct place {
	int fd; // a duplicate of the connection's, by which it is ended; -1: free
	int64_t since;
	bool proven;
};

struct server {
	const struct issuer *issuer;
	pthread_mutex_t lock; // of the rest
	pthread_cond_t left;
	struct place place[ISSUER_CONNECTIONS_MAX];
	size_t count, strangers;
};

struct connection {
	struct server *server;
	struct place *place;
	const struct issuer_terms *terms;
	int fd;
	char peer[INET6_ADDRSTRLEN + 16];
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

__attribute__((format(printf, 2, 3))) static void say(const struct connection *c,
						      const char *format, ...)
{
	char line[512];
	va_list args;
	int n = snprintf(line, sizeof(line), "%s: ", c->peer);

	va_start(args, format);
	vsnprintf(line + n, sizeof(line) - (size_t)n, format, args);
	va_end(args);
	c->server->issuer->log(line);
}

// 0, or why it ended: 1 for an end in good order.
static int answer_one(const struct connection *c, struct channel *channel,
		      const struct wire_grants *grants, uint8_t *room)
{
	const struct issuer *issuer = c->server->issuer;
	char note[CL_ERROR_SIZE];
	uint8_t *request = room, *answer = room + WIRE_REQUEST_MAX;
	int n = channel_receive(channel, request, WIRE_REQUEST_MAX, ISSUER_IDLE_MS);

	if (n <= 0)
		return n ?: 1;
	static const struct spiffe_bundles none;
	const struct authorities *authorities = keyring_hold(issuer->keyring);
	const struct spiffe_bundles *foreign =
		issuer->foreign ? issuer->foreign->hold(issuer->foreign) : &none;
	const struct answer_terms terms = {.grants = grants,
					   .authorities = authorities,
					   .foreign = foreign->list,
					   .nr_foreign = foreign->count,
					   .x509_ttl = c->terms->x509_ttl,
					   .jwt_ttl = c->terms->jwt_ttl,
					   .now = time(NULL)};
	n = answer_request(&terms, request, (size_t)n, answer, note);
	if (issuer->foreign)
		issuer->foreign->release(issuer->foreign, foreign);
	keyring_release(issuer->keyring, authorities);
	if (n < 0)
		return n;
	say(c, "%s", note);
	return channel_send(channel, answer, (size_t)n, ISSUER_OPEN_MS);
}

static void serve_zone(const struct connection *c, struct channel *channel)
{
	struct issuer_authority *authority = c->server->issuer->authority;
	const struct cl_verdict_result *verdict = &channel->verdict;
	char digest[2 * CL_DIGEST_SIZE + 1];
	uint8_t *room = malloc(WIRE_REQUEST_MAX + WIRE_ANSWER_MAX);
	const struct wire_grants *grants = authority->hold(authority, verdict);
	static const struct wire_grants nothing;
	int64_t end = now_ms() + (int64_t)c->terms->x509_ttl * 1000;
	int rc = room ? 0 : -ENOMEM;

	clv_hex(digest, verdict->report.digest, CL_DIGEST_SIZE);
	say(c, "a zone of digest %s on node %s, %s", digest,
	    verdict->proven ? verdict->node.name : "(unproven)",
	    grants ? "which has grants" : "which has no grants");
	while (!rc && now_ms() < end)
		rc = answer_one(c, channel, grants ?: &nothing, room);
	if (rc < 0)
		say(c, "ended: %s", strerror(-rc));
	if (grants)
		authority->release(authority, grants);
	free(room);
}

static void now_proven(struct connection *c)
{
	pthread_mutex_lock(&c->server->lock);
	c->place->proven = true;
	c->server->strangers--;
	pthread_mutex_unlock(&c->server->lock);
}

static void leave(struct connection *c)
{
	struct server *s = c->server;

	pthread_mutex_lock(&s->lock);
	close(c->place->fd);
	c->place->fd = -1;
	s->strangers -= !c->place->proven;
	s->count--;
	pthread_cond_signal(&s->left);
	pthread_mutex_unlock(&s->lock);
	free(c);
}

static void *serve_connection(void *argument)
{
	struct connection *c = argument;
	const struct issuer *issuer = c->server->issuer;
	struct clv_socket socket = {.fd = c->fd};
	struct channel *channel = malloc(sizeof(*channel));
	char error[CL_ERROR_SIZE];

	c->terms = issuer->authority->hold_terms(issuer->authority);
	clv_deadline(&socket, ISSUER_OPEN_MS);
	if (!channel) {
		close(c->fd);
	} else if (channel_open(channel, socket, CHANNEL_RESPONDER, WIRE_PROTOCOL, &issuer->self,
				&c->terms->trust, error)) {
		say(c, "%s", error);
	} else {
		now_proven(c);
		serve_zone(c, channel);
		channel_close(channel);
	}
	free(channel);
	issuer->authority->release_terms(issuer->authority, c->terms);
	OPENSSL_thread_stop();
	leave(c);
	return NULL;
}

// A place for a connection; strangers make room for strangers. NULL: there is none.
static struct place *take_place(struct server *s, int fd)
{
	struct place *found = NULL, *oldest = NULL;

	for (size_t i = 0; i < ISSUER_CONNECTIONS_MAX; i++) {
		struct place *p = &s->place[i];
		if (p->fd < 0)
			found = found ?: p;
		else if (!p->proven && (!oldest || p->since < oldest->since))
			oldest = p;
	}
	if (oldest && (!found || s->strangers >= ISSUER_STRANGERS_MAX)) {
		shutdown(oldest->fd, SHUT_RDWR);
		oldest->since = INT64_MAX; // its thread will notice; the next newcomer ends another
	}
	int copy = found ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (copy < 0)
		return NULL;
	*found = (struct place){.fd = copy, .since = now_ms()};
	s->strangers++;
	s->count++;
	return found;
}

static void name_peer(char *text, size_t size, const struct sockaddr_storage *from)
{
	char ip[INET6_ADDRSTRLEN] = "?", port[8] = "?";

	getnameinfo((const struct sockaddr *)from, sizeof(*from), ip, sizeof(ip), port,
		    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(text, size, "%s port %s", ip, port);
}

// Takes c over.
static void start(struct server *s, struct connection *c)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_mutex_lock(&s->lock);
	c->place = take_place(s, c->fd);
	pthread_mutex_unlock(&s->lock);
	if (!c->place) {
		close(c->fd);
		free(c);
		return;
	}
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attributes, serve_connection, c)) {
		close(c->fd);
		leave(c);
	}
	pthread_attr_destroy(&attributes);
}

static void accept_one(struct server *s, int listener, int stop)
{
	struct sockaddr_storage from = {0};
	socklen_t size = sizeof(from);
	int fd = accept4(listener, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct connection *c = fd < 0 ? NULL : calloc(1, sizeof(*c));

	if (c) {
		c->server = s;
		c->fd = fd;
		name_peer(c->peer, sizeof(c->peer), &from);
		start(s, c);
		return;
	}
	if (fd >= 0)
		close(fd);
	// Out of descriptors or memory: the connection stays in the queue, and poll() would spin.
	struct pollfd wait = {.fd = stop, .events = POLLIN};
	poll(&wait, 1, RETRY_MS);
}

// Everybody is asked to leave, and waited for.
static void end_all(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < ISSUER_CONNECTIONS_MAX; i++)
		if (s->place[i].fd >= 0)
			shutdown(s->place[i].fd, SHUT_RDWR);
	while (s->count)
		pthread_cond_wait(&s->left, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

int issuer_serve(const struct issuer *issuer, int listener, int stop)
{
	// Its threads may still be leaving its lock when all have left.
	static struct server server = {.lock = PTHREAD_MUTEX_INITIALIZER,
				       .left = PTHREAD_COND_INITIALIZER};
	struct pollfd polled[] = {{.fd = listener, .events = POLLIN},
				  {.fd = stop, .events = POLLIN}};
	int rc = 0;

	server.issuer = issuer;
	server.count = server.strangers = 0;
	for (size_t i = 0; i < ISSUER_CONNECTIONS_MAX; i++)
		server.place[i].fd = -1;
	while (!rc && !polled[1].revents) {
		if (poll(polled, 2, -1) < 0)
			rc = errno == EINTR ? 0 : -errno;
		else if (polled[0].revents)
			accept_one(&server, listener, stop);
	}
	end_all(&server);
	return rc;
}
