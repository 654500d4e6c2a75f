// SPDX-License-Identifier: Apache-2.0
#include "grpc.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "account.h"
#include "blob.h"
#include "h2.h"
#include "limits.h"

static struct h2 *h2_of(const struct grpc_call *call)
{
	return call->session->h2;
}

static void set_timer(struct grpc_call *call, int64_t ns)
{
	loop_set(call->session->service->loop, &call->timer, loop_now() + ns);
}

static void timer_fired(struct loop_timer *timer)
{
	struct grpc_call *call =
		(struct grpc_call *)((char *)timer - offsetof(struct grpc_call, timer));

	if (call->finished)
		h2_enough(h2_of(call), call->stream);
	else
		grpc_finish(call, GRPC_DEADLINE_EXCEEDED, "the time for this call is over");
}

static void *begin(void *owner, int32_t stream)
{
	struct grpc_session *session = owner;

	if (session->ending || !account_call(session->account))
		return NULL;
	struct grpc_call *call =
		account_take(session->account, sizeof(*call)) ? calloc(1, sizeof(*call)) : NULL;
	if (!call) {
		account_call_over(session->account);
		return NULL;
	}
	call->session = session;
	call->stream = stream;
	call->in.account = session->account;
	call->timer.fire = timer_fired;
	call->after = session->calls;
	if (call->after)
		call->after->before = call;
	session->calls = call;
	set_timer(call, REQUEST_MS * 1000000LL);
	return call;
}

static void field(void *context, const uint8_t *name, size_t name_size, const uint8_t *value,
		  size_t value_size)
{
	struct grpc_call *call = context;

	grpc_head_field(&call->head, &call->session->service->key, name, name_size, value,
			value_size);
}

static const struct grpc_method *find(const struct grpc_service *service, const char *path)
{
	for (size_t i = 0; i < service->count; i++) {
		if (!strcmp(service->methods[i]->path, path))
			return service->methods[i];
	}
	return NULL;
}

// No body: everything is in the head (PROTOCOL-HTTP2.md, Trailers-Only).
static void answer_only(struct grpc_call *call, unsigned int http)
{
	char code[8], number[8];
	const struct h2_field fields[] = {{":status", code},
					  {"content-type", "application/grpc"},
					  {"grpc-accept-encoding", "identity"},
					  {"grpc-status", number},
					  {"grpc-message", call->message}};

	snprintf(code, sizeof(code), "%u", http);
	snprintf(number, sizeof(number), "%d", (int)call->status);
	h2_answer_only(h2_of(call), call->stream, fields, call->message[0] ? 5 : 4);
}

static void set_status(struct grpc_call *call, enum grpc_status status, const char *why)
{
	call->finished = true;
	call->status = status;
	grpc_percent(call->message, sizeof(call->message), why ? why : "");
	loop_unset(call->session->service->loop, &call->timer);
	grpc_in_free(&call->in);
}

static void fields_end(void *context)
{
	struct grpc_call *call = context;

	call->method = find(call->session->service, call->head.path);
	const struct grpc_verdict verdict = grpc_head_check(&call->head, call->method);
	if (verdict.http == 200 && verdict.status == GRPC_OK) {
		if (call->head.timed && call->head.timeout_ns < REQUEST_MS * 1000000LL)
			set_timer(call, call->head.timeout_ns);
		return;
	}
	set_status(call, verdict.status, verdict.why);
	call->headed = true;
	answer_only(call, verdict.http);
	h2_refused(h2_of(call));
}

static void ask(struct grpc_call *call)
{
	struct loop *loop = call->session->service->loop;
	const uint8_t *message;
	size_t size;

	if (call->finished || call->answering || !grpc_in_message(&call->in, &message, &size))
		return;
	call->asked = call->answering = true;
	// From now on only the client's own time counts, but a client of many has to go on.
	if (call->method->many)
		set_timer(call, REQUEST_MS * 1000000LL);
	else if (call->head.timed)
		set_timer(call, call->head.timeout_ns);
	else
		loop_unset(loop, &call->timer);
	call->method->request(call, message, size);
	if (!call->finished && !call->method->many)
		grpc_in_free(&call->in);
}

// A message of many has been answered.
static void ask_next(struct grpc_call *call)
{
	const char *why = NULL;

	if (!call->method->many || call->finished)
		return;
	call->answering = false;
	enum grpc_status status = grpc_in_drop(&call->in, &why);
	if (status) {
		grpc_finish(call, status, why);
		return;
	}
	ask(call);
	if (!call->answering && call->said_all)
		grpc_finish(call, call->in.used ? GRPC_INTERNAL : GRPC_OK,
			    call->in.used ? "the last message is not whole" : NULL);
}

static void data(void *context, const uint8_t *bytes, size_t size)
{
	struct grpc_call *call = context;
	const char *why = NULL;

	if (call->finished)
		return;
	enum grpc_status status = grpc_in_add(&call->in, bytes, size, &why);
	if (status) {
		call->overflowed = true;
		grpc_finish(call, status, why);
	} else if (call->method->many) {
		ask(call);
	}
}

static void end(void *context)
{
	struct grpc_call *call = context;
	const uint8_t *message;
	size_t size;

	call->said_all = true;
	if (call->finished)
		return;
	if (call->method->many) {
		if (!call->answering)
			grpc_finish(call, call->in.used ? GRPC_INTERNAL : GRPC_OK,
				    call->in.used ? "the last message is not whole" : NULL);
		return;
	}
	// What of a wrong number of messages: grpc/grpc, doc/statuscodes.md.
	if (!call->in.used)
		grpc_finish(call, GRPC_UNIMPLEMENTED, "there is no request message");
	else if (!grpc_in_message(&call->in, &message, &size))
		grpc_finish(call, GRPC_INTERNAL, "the message is not whole");
	else if (call->in.used != GRPC_PREFIX + size)
		grpc_finish(call, GRPC_UNIMPLEMENTED, "there is more than one request message");
	else
		ask(call);
}

static void closed(void *context)
{
	struct grpc_call *call = context;
	struct grpc_session *session = call->session;

	if (call->asked && call->method->closed)
		call->method->closed(call);
	loop_unset(session->service->loop, &call->timer);
	blob_unref(call->sending);
	blob_unref(call->next);
	grpc_in_free(&call->in);
	if (call->before)
		call->before->after = call->after;
	else
		session->calls = call->after;
	if (call->after)
		call->after->before = call->before;
	account_call_over(session->account);
	account_give(session->account, sizeof(*call));
	free(call);
}

static void send_trailers(struct grpc_call *call)
{
	char number[8];
	const struct h2_field fields[] = {{"grpc-status", number}, {"grpc-message", call->message}};

	snprintf(number, sizeof(number), "%d", (int)call->status);
	h2_trailers(h2_of(call), call->stream, fields, call->message[0] ? 2 : 1);
}

static size_t read_answer(void *context, uint8_t *to, size_t room, bool *last)
{
	struct grpc_call *call = context;
	size_t n = 0;

	// RST_STREAM goes out first; but for that there would be a message cut short.
	if (call->calmed)
		return 0;
	if (!call->sending) {
		call->sending = call->next;
		call->next = NULL;
		call->sent = 0;
	}
	if (call->sending) {
		n = call->sending->size - call->sent;
		n = n < room ? n : room;
		memcpy(to, call->sending->bytes + call->sent, n);
		call->sent += n;
		if (call->sent == call->sending->size) {
			blob_unref(call->sending);
			call->sending = NULL;
			ask_next(call);
		}
	}
	if (call->finished && !call->sending && !call->next) {
		send_trailers(call);
		*last = true;
	}
	return n;
}

// The answer is out before the request is in. Not every client understands that it need not go on,
// so it may for a little while, unless it is too much.
static void early(void *context)
{
	struct grpc_call *call = context;

	if (call->overflowed)
		h2_enough(h2_of(call), call->stream);
	else
		set_timer(call, LINGER_MS * 1000000LL);
}

static void wants(void *owner)
{
	struct grpc_session *session = owner;

	session->wants(session->owner);
}

static const struct h2_ops ops = {
	.begin = begin,
	.field = field,
	.fields_end = fields_end,
	.data = data,
	.end = end,
	.closed = closed,
	.read = read_answer,
	.early = early,
	.wants = wants,
};

int grpc_open(struct grpc_session *session, const struct grpc_service *service,
	      struct account *account, void (*wanted)(void *owner), void *owner)
{
	*session = (struct grpc_session){
		.service = service, .account = account, .wants = wanted, .owner = owner};
	session->h2 = h2_new(&ops, session, account);
	return session->h2 ? 0 : -ENOMEM;
}

void grpc_close(struct grpc_session *session)
{
	struct grpc_call *next;

	for (struct grpc_call *call = session->calls; call; call = next) {
		next = call->after;
		closed(call);
	}
	h2_free(session->h2);
	session->h2 = NULL;
}

void grpc_end(struct grpc_session *session)
{
	session->ending = true;
	for (struct grpc_call *call = session->calls; call; call = call->after)
		grpc_finish(call, GRPC_UNAVAILABLE, "the server ends");
	h2_goaway(session->h2);
}

static void head(struct grpc_call *call)
{
	static const struct h2_field fields[] = {{":status", "200"},
						 {"content-type", "application/grpc"},
						 {"grpc-accept-encoding", "identity"}};

	call->headed = true;
	h2_answer(h2_of(call), call->stream, fields, 3);
}

void grpc_send(struct grpc_call *call, struct blob *blob)
{
	if (call->finished) {
		blob_unref(blob);
		return;
	}
	// Nothing of it has gone out: it can still be replaced.
	if (call->sending && !call->sent) {
		blob_unref(call->sending);
		call->sending = NULL;
	}
	blob_unref(call->next);
	call->next = blob;
	if (call->headed)
		h2_resume(h2_of(call), call->stream);
	else
		head(call);
}

bool grpc_keeps_old(const struct grpc_call *call, const struct blob *latest)
{
	return call->sending && call->sending != latest;
}

void grpc_finish(struct grpc_call *call, enum grpc_status status, const char *why)
{
	if (call->finished)
		return;
	set_status(call, status, why);
	if (status != GRPC_OK) {
		blob_unref(call->next);
		call->next = NULL;
		if (call->sending && !call->sent) {
			blob_unref(call->sending);
			call->sending = NULL;
		}
	}
	if (call->headed) {
		h2_resume(h2_of(call), call->stream);
	} else if (call->next) {
		head(call);
	} else {
		call->headed = true;
		answer_only(call, 200);
	}
}

void grpc_calm(struct grpc_call *call)
{
	if (!call->finished)
		set_status(call, GRPC_RESOURCE_EXHAUSTED, NULL);
	call->calmed = true;
	blob_unref(call->sending);
	blob_unref(call->next);
	call->sending = call->next = NULL;
	h2_calm(h2_of(call), call->stream);
}
