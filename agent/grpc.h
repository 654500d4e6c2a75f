/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC over HTTP/2 (grpc/grpc, doc/PROTOCOL-HTTP2.md), the server's side: the calls of one
 * connection. A call is a request message, or several, and answers; it ends with a status.
 */
#ifndef AGENT_GRPC_H
#define AGENT_GRPC_H

#include "grpc_head.h"
#include "grpc_in.h"
#include "loop.h"

#define GRPC_MESSAGE_MAX 256u /* of `grpc-message`, encoded */

struct blob;
struct h2;
struct grpc_call;

struct grpc_method {
	const char *path; /* "/SERVICE/METHOD" */
	/* The client sends messages until it has had enough; each is answered before the next. */
	bool many;
	/*
	 * A message has come; without `many`, the one and only. To be answered now or later by
	 * grpc_send() and grpc_finish(). The bytes are the caller's.
	 */
	void (*request)(struct grpc_call *call, const uint8_t *message, size_t size);
	/* The call is over; called once if request() was. May be NULL. */
	void (*closed)(struct grpc_call *call);
};

/* What a server answers. */
struct grpc_service {
	const struct grpc_method *const *methods;
	size_t count;
	struct grpc_key key;
	struct loop *loop;
	void *context; /* the methods' */
};

/* The calls of one connection. */
struct grpc_session {
	const struct grpc_service *service;
	struct account *account;
	struct h2 *h2;
	struct grpc_call *calls;
	bool ending;
	void (*wants)(void *owner); /* there may be something to send */
	void *owner;
};

struct grpc_call {
	struct grpc_session *session;
	const struct grpc_method *method; /* NULL: there is none */
	void *state;			  /* the method's */
	/* The rest is grpc.c's. */
	struct grpc_call *before, *after;
	int32_t stream;
	struct grpc_head head;
	struct grpc_in in;
	struct loop_timer timer;
	struct blob *sending, *next;
	size_t sent;
	bool asked, answering, said_all, headed, finished, calmed, overflowed;
	enum grpc_status status;
	char message[GRPC_MESSAGE_MAX];
};

/* 0 or -ENOMEM. The service and the account outlive it. */
int grpc_open(struct grpc_session *session, const struct grpc_service *service,
	      struct account *account, void (*wants)(void *owner), void *owner);
/* Every call is closed() without an answer. */
void grpc_close(struct grpc_session *session);
/* GOAWAY, and UNAVAILABLE to all calls; new ones are refused. */
void grpc_end(struct grpc_session *session);

/*
 * Send a message: takes over the reference. One that has not begun to go out is replaced: of a
 * stream of updates a slow client gets the latest. Nothing is done if the call has finished.
 */
void grpc_send(struct grpc_call *call, struct blob *blob);
/* Is a message half out that is another one than this? */
bool grpc_keeps_old(const struct grpc_call *call, const struct blob *latest);
/*
 * End the call. With GRPC_OK all messages are sent before, else only one that is half out. `why` is
 * for people, NULL with GRPC_OK. Only the first end counts.
 */
void grpc_finish(struct grpc_call *call, enum grpc_status status, const char *why);
/* End it at once, whatever is half out: its client takes too little of it. */
void grpc_calm(struct grpc_call *call);

#endif
