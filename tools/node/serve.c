// SPDX-License-Identifier: Apache-2.0
// A thread a connection, one request a connection, everything bounded: connections, head, body,
// silence, and time in all (watch.h).
#include "serve.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <microhttpd.h>
#include "serve_route.h"
#include "watch.h"

#define SILENCE_SECONDS 10u
#define HEAD_BYTES	(16u << 10)
#define THREAD_STACK	(256u << 10)

// What has been received of a request.
struct request {
	const struct route *route;
	size_t used;
	uint8_t body[BODY_MAX];
};

static int socket_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer *a)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(a->size, a->body, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(a->body);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	enum MHD_Result result = MHD_queue_response(connection, a->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned int status,
			      const char *text)
{
	struct answer a = {0};

	answer_text(&a, status, "%s", text);
	return send_answer(connection, &a);
}

// The head is there: is this a request that is answered at all?
static enum MHD_Result begin(struct MHD_Connection *connection, const char *url, const char *method,
			     void **context)
{
	unsigned int status = 404;
	const struct route *route = route_find(url, method, &status);

	if (!route)
		return refuse(connection, status,
			      status == 405 ? "another method is needed here"
					    : "there are GET /evidence?nonce=, GET /enrol, POST "
					      "/activate and POST /ak");
	struct request *r = malloc(sizeof(*r));
	if (!r)
		return MHD_NO;
	r->route = route;
	r->used = 0;
	*context = r;
	return MHD_YES;
}

static enum MHD_Result handle(void *closure, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *data_size, void **context)
{
	struct request *r = *context;
	struct node *node = closure;
	struct answer a = {0};

	if (!r)
		return begin(connection, url, method, context);
	if (*data_size) {
		// Too long: read on to no end would be worse than to hang up.
		if (*data_size > r->route->body_max - r->used)
			return MHD_NO;
		memcpy(r->body + r->used, data, *data_size);
		r->used += *data_size;
		*data_size = 0;
		return MHD_YES;
	}
	int fd = socket_of(connection);
	watch_working(fd, true);
	pthread_mutex_lock(&node->lock);
	r->route->answer(node,
			 r->route->argument
				 ? MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND,
							       r->route->argument)
				 : NULL,
			 r->body, r->used, &a);
	pthread_mutex_unlock(&node->lock);
	watch_working(fd, false);
	return send_answer(connection, &a);
}

static void completed(void *closure, struct MHD_Connection *connection, void **context,
		      enum MHD_RequestTerminationCode code)
{
	free(*context);
	*context = NULL;
}

static void connection_changed(void *closure, struct MHD_Connection *connection, void **context,
			       enum MHD_ConnectionNotificationCode code)
{
	int fd = socket_of(connection);

	if (fd < 0)
		return;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		watch_add(fd);
	else
		watch_remove(fd);
}

int serve(struct node *node, int listener)
{
	const struct timespec second = {.tv_sec = 1};
	sigset_t ends;

	// All threads that follow have them blocked, too.
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	if (pthread_sigmask(SIG_BLOCK, &ends, NULL) || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -EINVAL;
	struct MHD_Daemon *daemon = MHD_start_daemon(
		MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0,
		NULL, NULL, handle, node, MHD_OPTION_LISTEN_SOCKET, listener,
		MHD_OPTION_CONNECTION_LIMIT, WATCH_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
		SILENCE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES,
		MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK, MHD_OPTION_NOTIFY_COMPLETED,
		completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, connection_changed, NULL,
		MHD_OPTION_END);
	if (!daemon)
		return -ENOMEM;
	while (sigtimedwait(&ends, NULL, &second) < 0)
		watch_tick();
	MHD_stop_daemon(daemon);
	return 0;
}
