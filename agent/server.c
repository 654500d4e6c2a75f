// SPDX-License-Identifier: Apache-2.0
#include "server.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include "h2.h"
#include "limits.h"
#include "peer.h"

#define TURN_BYTES   (8u << 10)
#define TURN_SENDS   4
#define STAGE_BYTES  (16u << 10)
#define TURN_ACCEPTS 8
#define RETRY_MS     100
#define MS	     1000000LL

struct connection {
	struct loop_watch watch;
	struct loop_timer timer;
	struct loop_task flush;
	struct server *server;
	struct connection *before, *after;
	struct account *account;
	struct grpc_session session;
	// What the session has given out and the socket has not taken: first what is kept here,
	// then what is still the session's.
	uint8_t *kept;
	size_t kept_size, kept_sent;
	const uint8_t *out;
	size_t out_size;
	uint32_t events;
	int64_t since_ns, quiet_ns, reading_ns, paused_ns, goodbye_ns;
};

static void forget_kept(struct connection *c)
{
	if (!c->kept)
		return;
	OPENSSL_clear_free(c->kept, c->kept_size);
	account_give(c->account, c->kept_size);
	c->kept = NULL;
}

static void drop(struct connection *c)
{
	struct server *server = c->server;

	forget_kept(c);
	loop_unwatch(server->loop, &c->watch);
	loop_unset(server->loop, &c->timer);
	grpc_close(&c->session);
	// What closing the calls has put there.
	loop_unqueue(server->loop, &c->flush);
	close(c->watch.fd);
	*(c->before ? &c->before->after : &server->connections) = c->after;
	if (c->after)
		c->after->before = c->before;
	account_disconnect(c->account);
	account_unref(c->account);
	free(c);
	if (server->ending && !server->connections && server->ended)
		server->ended(server);
}

static bool blocked(const struct connection *c)
{
	return c->kept || c->out_size;
}

// When this connection's patience ends, if nothing happens.
static int64_t due(const struct connection *c, bool *fatal)
{
	int64_t at = INT64_MAX, partial = h2_partial_since(c->session.h2);

	*fatal = true;
	if (!h2_greeted(c->session.h2))
		at = c->since_ns + GREETING_MS * MS;
	// The time that the server does not read is not the client's.
	if (partial < c->reading_ns && partial)
		partial = c->reading_ns;
	if (partial && c->events & EPOLLIN && partial + PARTIAL_MS * MS < at)
		at = partial + PARTIAL_MS * MS;
	if (!c->session.calls && c->quiet_ns + IDLE_MS * MS < at)
		at = c->quiet_ns + IDLE_MS * MS;
	if (c->goodbye_ns && c->goodbye_ns < at)
		at = c->goodbye_ns;
	if (c->paused_ns && c->paused_ns <= at) {
		at = c->paused_ns;
		*fatal = false;
	}
	return at;
}

// What it is waiting for now. False: it has been dropped.
static bool settle(struct connection *c)
{
	bool fatal;
	uint32_t events = 0;

	if (!blocked(c) && h2_over(c->session.h2)) {
		drop(c);
		return false;
	}
	// A client that does not read is not read from: its answers would pile up here.
	if (blocked(c))
		events = EPOLLOUT;
	else if (!c->paused_ns)
		events = EPOLLIN;
	if (events != c->events) {
		if (loop_rewatch(c->server->loop, &c->watch, events)) {
			drop(c);
			return false;
		}
		c->events = events;
		c->reading_ns = loop_now();
	}
	int64_t at = due(c, &fatal);
	// One that is set too early looks again.
	if (at != INT64_MAX && (!c->timer.set || at < c->timer.due_ns))
		loop_set(c->server->loop, &c->timer, at);
	return true;
}

// How much the socket takes, or a negative errno.
static ssize_t put(const struct connection *c, const uint8_t *data, size_t size)
{
	ssize_t n = send(c->watch.fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return n;
}

static int keep(struct connection *c, const uint8_t *data, size_t size)
{
	if (!account_take(c->account, size))
		return -ENOMEM;
	c->kept = malloc(size);
	if (!c->kept) {
		account_give(c->account, size);
		return -ENOMEM;
	}
	memcpy(c->kept, data, size);
	c->kept_size = size;
	c->kept_sent = 0;
	return 0;
}

// Frames are small and many: those that are ready go out together.
static int put_frames(struct connection *c)
{
	uint8_t stage[STAGE_BYTES];
	size_t used = 0;
	ssize_t n, sent = 0;
	int rc = 0;

	while ((n = h2_send(c->session.h2, &c->out)) > 0) {
		c->out_size = (size_t)n;
		if (c->out_size > sizeof(stage) - used)
			break;
		memcpy(stage + used, c->out, c->out_size);
		used += c->out_size;
		c->out_size = 0;
	}
	if (n < 0)
		rc = (int)n;
	if (used)
		sent = put(c, stage, used);
	if (sent < 0)
		rc = (int)sent;
	else if ((size_t)sent < used && !rc)
		rc = keep(c, stage + sent, used - (size_t)sent);
	OPENSSL_cleanse(stage, used);
	return rc ? rc : used > 0;
}

// What was left over. 1: all of it has gone.
static int put_rest(struct connection *c)
{
	ssize_t n;

	if (c->kept) {
		n = put(c, c->kept + c->kept_sent, c->kept_size - c->kept_sent);
		if (n < 0)
			return (int)n;
		c->kept_sent += (size_t)n;
		if (c->kept_sent < c->kept_size)
			return 0;
		forget_kept(c);
	}
	if (c->out_size) {
		n = put(c, c->out, c->out_size);
		if (n < 0)
			return (int)n;
		c->out += n;
		c->out_size -= (size_t)n;
	}
	return !c->out_size;
}

static int flush(struct connection *c)
{
	for (int i = 0; i < TURN_SENDS; i++) {
		int rc = put_rest(c);
		if (rc <= 0)
			return rc;
		rc = put_frames(c);
		if (rc < 0)
			return rc;
		if (c->kept || (!rc && !c->out_size))
			return 0;
	}
	// The others' turn.
	loop_queue(c->server->loop, &c->flush);
	return 0;
}

// A turn, on its uid's account. The connection may be gone afterwards.
static void work(struct connection *c, int (*what)(struct connection *c))
{
	struct account *account = account_ref(c->account);
	int64_t from = loop_now();
	int rc = what(c);

	// What it has broken it may still be told.
	if (rc == -EPROTO)
		flush(c);
	if (rc) {
		drop(c);
		c = NULL;
	}
	int64_t now = loop_now(), wait = account_worked(account, from, now);
	if (c && wait > 0)
		c->paused_ns = now + wait;
	if (c)
		settle(c);
	account_unref(account);
}

static void flush_task(struct loop_task *task)
{
	struct connection *c =
		(struct connection *)((char *)task - offsetof(struct connection, flush));

	work(c, flush);
}

static void wants(void *owner)
{
	struct connection *c = owner;

	loop_queue(c->server->loop, &c->flush);
}

static int receive(struct connection *c)
{
	uint8_t data[TURN_BYTES];
	int64_t now = loop_now();
	ssize_t n = recv(c->watch.fd, data, sizeof(data), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	c->quiet_ns = now;
	int rc = h2_receive(c->session.h2, data, (size_t)n, now);
	return rc ? rc : flush(c);
}

static void ready(struct loop_watch *watch, uint32_t events)
{
	struct connection *c = (struct connection *)watch;

	if (events & EPOLLIN && c->events & EPOLLIN)
		work(c, receive);
	else if (events & (EPOLLHUP | EPOLLERR))
		drop(c);
	else
		work(c, flush);
}

static void timer_fired(struct loop_timer *timer)
{
	struct connection *c =
		(struct connection *)((char *)timer - offsetof(struct connection, timer));
	bool fatal;
	int64_t now = loop_now();

	if (c->paused_ns && c->paused_ns <= now)
		c->paused_ns = 0;
	else if (due(c, &fatal) <= now && fatal) {
		drop(c);
		return;
	}
	settle(c);
}

static void add(struct server *server, int fd)
{
	uid_t uid;
	int64_t now = loop_now();
	struct account *account = NULL;
	struct connection *c = NULL;

	if (peer_uid(fd, &uid))
		goto refuse;
	account = account_of(&server->accounts, uid, now);
	if (!account || !account_connect(account))
		goto refuse;
	c = calloc(1, sizeof(*c));
	if (!c || grpc_open(&c->session, server->service, account, wants, c))
		goto disconnect;
	c->watch = (struct loop_watch){fd, ready};
	c->timer.fire = timer_fired;
	c->flush.run = flush_task;
	c->server = server;
	c->account = account;
	c->events = EPOLLIN;
	c->since_ns = c->quiet_ns = now;
	if (loop_watch(server->loop, &c->watch, c->events)) {
		grpc_close(&c->session);
		goto disconnect;
	}
	c->after = server->connections;
	if (c->after)
		c->after->before = c;
	server->connections = c;
	wants(c);
	return;
disconnect:
	account_disconnect(account);
	free(c);
refuse:
	if (account)
		account_unref(account);
	close(fd);
}

static void accept_ready(struct loop_watch *watch, uint32_t events)
{
	struct server *server =
		(struct server *)((char *)watch - offsetof(struct server, listener));

	for (int i = 0; i < TURN_ACCEPTS; i++) {
		int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			add(server, fd);
			continue;
		}
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		// No descriptors, no memory: nothing to do but to wait for some.
		loop_rewatch(server->loop, watch, 0);
		loop_set(server->loop, &server->retry, loop_now() + RETRY_MS * MS);
		return;
	}
}

static void retry_accept(struct loop_timer *timer)
{
	struct server *server = (struct server *)((char *)timer - offsetof(struct server, retry));

	loop_rewatch(server->loop, &server->listener, EPOLLIN);
}

int server_start(struct server *server, const struct grpc_service *service, int listener,
		 void (*ended)(struct server *server))
{
	*server = (struct server){.service = service,
				  .loop = service->loop,
				  .listener = {listener, accept_ready},
				  .retry = {.fire = retry_accept},
				  .ended = ended};
	return loop_watch(server->loop, &server->listener, EPOLLIN);
}

static void stop_listening(struct server *server)
{
	if (server->ending)
		return;
	server->ending = true;
	loop_unwatch(server->loop, &server->listener);
	loop_unset(server->loop, &server->retry);
	close(server->listener.fd);
}

void server_end(struct server *server)
{
	struct connection *next;
	int64_t goodbye = loop_now() + GOODBYE_MS * MS;

	stop_listening(server);
	if (!server->connections && server->ended)
		server->ended(server);
	for (struct connection *c = server->connections; c; c = next) {
		next = c->after;
		c->goodbye_ns = goodbye;
		grpc_end(&c->session);
		settle(c);
	}
}

void server_close(struct server *server)
{
	struct connection *next;

	stop_listening(server);
	server->ended = NULL;
	for (struct connection *c = server->connections; c; c = next) {
		next = c->after;
		drop(c);
	}
}
