// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "workload_client.h"
#include "../../agent/h2.h"

static struct client_call *call_at(struct client *c, int32_t stream)
{
	assert_in_range(stream, 1, 2 * CLIENT_CALLS - 1);
	return &c->calls[stream / 2];
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_size, const uint8_t *value, size_t size, uint8_t flags,
		     void *context)
{
	struct client_call *call = call_at(context, frame->hd.stream_id);
	const char *text = (const char *)value;

	if (!strcmp((const char *)name, ":status"))
		call->http = atoi(text);
	else if (!strcmp((const char *)name, "grpc-status"))
		call->status = atoi(text);
	else if (!strcmp((const char *)name, "grpc-message") && size < sizeof(call->message))
		memcpy(call->message, text, size + 1);
	return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t stream, const uint8_t *data,
		   size_t size, void *context)
{
	struct client_call *call = call_at(context, stream);

	call->body = realloc(call->body, call->size + size);
	assert_non_null(call->body);
	memcpy(call->body + call->size, data, size);
	call->size += size;
	return 0;
}

static int on_close(nghttp2_session *h2, int32_t stream, uint32_t error, void *context)
{
	struct client_call *call = call_at(context, stream);

	call->ended = true;
	call->reset = error;
	return 0;
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *context)
{
	struct client *c = context;

	if (frame->hd.type == NGHTTP2_GOAWAY)
		c->goaway = frame->goaway.error_code;
	return 0;
}

static ssize_t read_request(nghttp2_session *h2, int32_t stream, uint8_t *to, size_t room,
			    uint32_t *flags, nghttp2_data_source *source, void *context)
{
	struct client_call *call = source->ptr;
	size_t n = call->request_size - call->request_sent;

	n = n < room ? n : room;
	memcpy(to, call->request + call->request_sent, n);
	call->request_sent += n;
	if (call->request_sent == call->request_size)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static void wanted(void *owner)
{
}

void client_open(struct client *c, struct workload_api *api, struct accounts *all, uid_t uid,
		 uint32_t window)
{
	const nghttp2_settings_entry settings = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;

	memset(c, 0, sizeof(*c));
	c->api = api;
	c->account = account_of(all, uid, 1);
	assert_non_null(c->account);
	assert_true(account_connect(c->account));
	assert_int_equal(grpc_open(&c->session, &api->service, c->account, wanted, c), 0);
	for (size_t i = 0; i < CLIENT_CALLS; i++)
		c->calls[i].status = -1;
	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	// What it has not been given room for stays where it is.
	assert_int_equal(nghttp2_option_new(&option), 0);
	nghttp2_option_set_no_auto_window_update(option, 1);
	assert_int_equal(nghttp2_session_client_new2(&c->h2, callbacks, c, option), 0);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	assert_int_equal(nghttp2_submit_settings(c->h2, 0, &settings, 1), 0);
	c->open = true;
	client_pump(c);
}

void client_close(struct client *c)
{
	if (c->open)
		grpc_close(&c->session);
	c->open = false;
	nghttp2_session_del(c->h2);
	for (size_t i = 0; i < CLIENT_CALLS; i++)
		free(c->calls[i].body);
	account_disconnect(c->account);
	account_unref(c->account);
}

static nghttp2_nv field(const char *name, const char *value)
{
	return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
			    strlen(value), 0};
}

struct client_call *client_call(struct client *c, const char *method, const char *key,
				const void *message, size_t size)
{
	const nghttp2_nv fields[] = {field(":method", "POST"),
				     field(":scheme", "http"),
				     field(":path", method),
				     field(":authority", "localhost"),
				     field("te", "trailers"),
				     field("content-type", "application/grpc"),
				     field("workload.spiffe.io", key ? key : "")};
	int32_t next = (int32_t)nghttp2_session_get_next_stream_id(c->h2);
	struct client_call *call = call_at(c, next);
	const nghttp2_data_provider body = {.source.ptr = call, .read_callback = read_request};

	call->request = message;
	call->request_size = size;
	assert_int_equal(nghttp2_submit_request(c->h2, NULL, fields, key ? 7 : 6, &body, NULL),
			 next);
	client_pump(c);
	return call;
}

void client_cancel(struct client *c, const struct client_call *call)
{
	nghttp2_submit_rst_stream(c->h2, 0, (int32_t)(call - c->calls) * 2 + 1, NGHTTP2_CANCEL);
	client_pump(c);
}

static bool hear(struct client *c)
{
	const uint8_t *data;
	ssize_t n = c->deaf ? 0 : h2_send(c->session.h2, &data);

	assert_true(n >= 0);
	if (n)
		assert_int_equal(nghttp2_session_mem_recv(c->h2, data, (size_t)n), n);
	return n > 0;
}

static bool say(struct client *c)
{
	const uint8_t *data;
	ssize_t n = nghttp2_session_mem_send(c->h2, &data);

	assert_true(n >= 0);
	if (n && h2_receive(c->session.h2, data, (size_t)n, loop_now()))
		return false;
	return n > 0;
}

void client_pump(struct client *c)
{
	bool more;

	do {
		more = say(c);
		more |= hear(c);
	} while (more);
}

size_t client_messages(const struct client_call *call, const uint8_t **last, size_t *size)
{
	size_t count = 0, at = 0;

	while (call->size - at >= 5) {
		size_t n = (size_t)call->body[at + 1] << 24 | (size_t)call->body[at + 2] << 16 |
			   (size_t)call->body[at + 3] << 8 | call->body[at + 4];

		assert_int_equal(call->body[at], 0);
		if (call->size - at - 5 < n)
			break;
		*last = call->body + at + 5;
		*size = n;
		at += 5 + n;
		count++;
	}
	return count;
}
