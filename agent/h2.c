// SPDX-License-Identifier: Apache-2.0
#include "h2.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <nghttp2/nghttp2.h>
#include "h2_mem.h"
#include "limits.h"

#define FIELDS_MAX 8
#define FRAME_HEAD 9u
#define PREFACE	   24u

struct h2 {
	struct h2_mem mem;
	nghttp2_session *session;
	const struct h2_ops *ops;
	void *owner;
	int64_t purse, filled_ns, now_ns; // the purse in thousandths of a cost
	bool greeted, flooded, failed;
	// Where in its frames the client is (RFC 9113, section 4.1).
	uint8_t head[FRAME_HEAD];
	size_t head_used, left;
	bool in_header_block;
	int64_t begun_ns;
};

static void wants(struct h2 *h2)
{
	h2->ops->wants(h2->owner);
}

static void pay(struct h2 *h2, int64_t cost)
{
	int64_t ms = (h2->now_ns - h2->filled_ns) / 1000000;

	if (ms > 0) {
		h2->filled_ns += ms * 1000000;
		// Longer than it takes to fill the purse makes no difference.
		h2->purse += (ms > 60000 ? 60000 : ms) * FRAME_PER_SECOND;
		if (h2->purse > FRAME_PURSE * 1000)
			h2->purse = FRAME_PURSE * 1000;
	}
	h2->purse -= cost * 1000;
	if (h2->purse < 0 && !h2->flooded) {
		h2->flooded = true;
		nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
		wants(h2);
	}
}

static int64_t cost(uint8_t type, uint8_t flags, size_t size)
{
	switch (type) {
	case NGHTTP2_DATA:
		return size || flags & NGHTTP2_FLAG_END_STREAM ? 0 : COST_EMPTY;
	case NGHTTP2_RST_STREAM:
		return COST_RESET;
	case NGHTTP2_SETTINGS:
		return flags & NGHTTP2_FLAG_ACK ? 0 : COST_SETTINGS;
	case NGHTTP2_PING:
		return COST_PING;
	case NGHTTP2_HEADERS:
	case NGHTTP2_CONTINUATION:
	case NGHTTP2_WINDOW_UPDATE:
		return 0;
	default:
		return COST_OTHER;
	}
}

// A frame's head has come.
static void frame_begins(struct h2 *h2)
{
	const uint8_t *head = h2->head;

	h2->head_used = 0;
	h2->left = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
	if (head[3] == NGHTTP2_HEADERS || head[3] == NGHTTP2_CONTINUATION)
		h2->in_header_block = !(head[4] & NGHTTP2_FLAG_END_HEADERS);
	pay(h2, cost(head[3], head[4], h2->left));
}

// nghttp2 tells of whole frames and not of all; a flood may be of others, a stall within one.
static void follow(struct h2 *h2, const uint8_t *data, size_t size)
{
	while (size) {
		size_t n = h2->left < size ? h2->left : size;

		if (!n) {
			if (!h2->head_used && !h2->in_header_block)
				h2->begun_ns = h2->now_ns;
			h2->head[h2->head_used++] = *data;
			n = 1;
			if (h2->head_used == FRAME_HEAD)
				frame_begins(h2);
		} else {
			h2->left -= n;
		}
		data += n;
		size -= n;
	}
}

static void *call_of(struct h2 *h2, int32_t stream)
{
	return nghttp2_session_get_stream_user_data(h2->session, stream);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct h2 *h2 = context;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	void *call = h2->ops->begin(h2->owner, frame->hd.stream_id);
	if (!call) {
		pay(h2, COST_REFUSED);
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
					  NGHTTP2_REFUSED_STREAM);
		return 0;
	}
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, call);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
		     void *context)
{
	struct h2 *h2 = context;
	void *call = call_of(h2, frame->hd.stream_id);

	// A request's trailers say nothing to gRPC.
	if (call && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		h2->ops->field(call, name, name_size, value, value_size);
	return 0;
}

static void on_headers(struct h2 *h2, const nghttp2_frame *frame)
{
	void *call = call_of(h2, frame->hd.stream_id);

	if (!call)
		return;
	if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		h2->ops->fields_end(call);
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		h2->ops->end(call);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct h2 *h2 = context;

	if (frame->hd.type == NGHTTP2_HEADERS)
		on_headers(h2, frame);
	if (frame->hd.type == NGHTTP2_DATA && frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
		void *call = call_of(h2, frame->hd.stream_id);

		if (call)
			h2->ops->end(call);
	}
	if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
		h2->greeted = true;
	return 0;
}

static int on_invalid(nghttp2_session *session, const nghttp2_frame *frame, int error,
		      void *context)
{
	struct h2 *h2 = context;

	pay(h2, COST_REFUSED);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
		   size_t size, void *context)
{
	struct h2 *h2 = context;
	void *call = call_of(h2, stream);

	if (call)
		h2->ops->data(call, data, size);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *context)
{
	struct h2 *h2 = context;
	void *call = call_of(h2, stream);

	if (call) {
		nghttp2_session_set_stream_user_data(session, stream, NULL);
		h2->ops->closed(call);
	}
	return 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct h2 *h2 = context;

	if (frame->hd.type == NGHTTP2_HEADERS && frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
	    !nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id)) {
		void *call = call_of(h2, frame->hd.stream_id);

		if (call)
			h2->ops->early(call);
	}
	return 0;
}

static ssize_t read_answer(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room,
			   uint32_t *flags, nghttp2_data_source *source, void *context)
{
	struct h2 *h2 = context;
	void *call = call_of(h2, stream);
	bool last = false;

	if (!call)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	size_t n = h2->ops->read(call, to, room, &last);
	if (last)
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
	else if (!n)
		return NGHTTP2_ERR_DEFERRED;
	return (ssize_t)n;
}

static int open_session(struct h2 *h2)
{
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, CONNECTION_CALLS_MAX},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_BYTES_MAX},
	};
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;

	if (nghttp2_session_callbacks_new(&callbacks))
		return -ENOMEM;
	if (nghttp2_option_new(&option)) {
		nghttp2_session_callbacks_del(callbacks);
		return -ENOMEM;
	}
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
	// Closed streams would be kept for priorities that are not used here.
	nghttp2_option_set_no_closed_streams(option, 1);
	nghttp2_option_set_max_continuations(option, CONTINUATIONS);
	nghttp2_option_set_max_outbound_ack(option, 100);
	// pay() counts resets as well; this is against what it does not see.
	nghttp2_option_set_stream_reset_rate_limit(option, FRAME_PURSE / COST_RESET,
						   FRAME_PER_SECOND / COST_RESET);
	int rc = nghttp2_session_server_new3(&h2->session, callbacks, h2, option,
					     &h2->mem.functions);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	if (rc)
		return -ENOMEM;
	return nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings,
				       sizeof(settings) / sizeof(settings[0]))
		       ? -ENOMEM
		       : 0;
}

struct h2 *h2_new(const struct h2_ops *ops, void *owner, struct account *account)
{
	struct h2 *h2 = calloc(1, sizeof(*h2));

	if (!h2)
		return NULL;
	h2_mem_init(&h2->mem, account);
	h2->ops = ops;
	h2->owner = owner;
	h2->purse = FRAME_PURSE * 1000;
	h2->left = PREFACE;
	if (open_session(h2)) {
		h2_free(h2);
		return NULL;
	}
	return h2;
}

void h2_free(struct h2 *h2)
{
	if (!h2)
		return;
	nghttp2_session_del(h2->session);
	free(h2);
}

int h2_receive(struct h2 *h2, const uint8_t *data, size_t size, int64_t now_ns)
{
	if (!h2->filled_ns)
		h2->filled_ns = h2->begun_ns = now_ns;
	h2->now_ns = now_ns;
	follow(h2, data, size);
	if (h2->flooded)
		return 0;
	ssize_t n = nghttp2_session_mem_recv(h2->session, data, size);
	wants(h2);
	if (n == NGHTTP2_ERR_NOMEM)
		return -ENOMEM;
	return n < 0 ? -EPROTO : 0;
}

ssize_t h2_send(struct h2 *h2, const uint8_t **data)
{
	ssize_t n = h2->failed ? -1 : nghttp2_session_mem_send(h2->session, data);

	return n < 0 ? -EPROTO : n;
}

bool h2_over(struct h2 *h2)
{
	return !nghttp2_session_want_read(h2->session) && !nghttp2_session_want_write(h2->session);
}

bool h2_greeted(const struct h2 *h2)
{
	return h2->greeted;
}

int64_t h2_partial_since(const struct h2 *h2)
{
	return h2->left || h2->head_used || h2->in_header_block ? h2->begun_ns : 0;
}

static size_t set_fields(nghttp2_nv to[FIELDS_MAX], const struct h2_field *fields, size_t count)
{
	size_t n = 0;

	for (; n < count && n < FIELDS_MAX; n++) {
		// nghttp2 copies them; its type has no const.
		to[n] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)fields[n].name,
				     .value = (uint8_t *)(uintptr_t)fields[n].value,
				     .namelen = strlen(fields[n].name),
				     .valuelen = strlen(fields[n].value)};
	}
	return n;
}

// Without memory for an answer there is none for the connection.
static void answer(struct h2 *h2, int32_t stream, const struct h2_field *fields, size_t count,
		   const nghttp2_data_provider *body)
{
	nghttp2_nv nv[FIELDS_MAX];
	size_t n = set_fields(nv, fields, count);
	int rc = nghttp2_submit_response(h2->session, stream, nv, n, body);

	wants(h2);
	if (rc)
		h2->failed = true;
}

void h2_answer(struct h2 *h2, int32_t stream, const struct h2_field *fields, size_t count)
{
	const nghttp2_data_provider body = {.read_callback = read_answer};

	answer(h2, stream, fields, count, &body);
}

void h2_answer_only(struct h2 *h2, int32_t stream, const struct h2_field *fields, size_t count)
{
	answer(h2, stream, fields, count, NULL);
}

void h2_trailers(struct h2 *h2, int32_t stream, const struct h2_field *fields, size_t count)
{
	nghttp2_nv nv[FIELDS_MAX];
	size_t n = set_fields(nv, fields, count);

	if (nghttp2_submit_trailer(h2->session, stream, nv, n))
		h2->failed = true;
}

void h2_resume(struct h2 *h2, int32_t stream)
{
	// Fails if it was not waiting: then it is read from anyway.
	nghttp2_session_resume_data(h2->session, stream);
	wants(h2);
}

static void reset(struct h2 *h2, int32_t stream, uint32_t code)
{
	nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, stream, code);
	wants(h2);
}

void h2_enough(struct h2 *h2, int32_t stream)
{
	reset(h2, stream, NGHTTP2_NO_ERROR);
}

void h2_calm(struct h2 *h2, int32_t stream)
{
	reset(h2, stream, NGHTTP2_ENHANCE_YOUR_CALM);
}

void h2_refused(struct h2 *h2)
{
	pay(h2, COST_REFUSED);
}

void h2_goaway(struct h2 *h2)
{
	nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
			      nghttp2_session_get_last_proc_stream_id(h2->session),
			      NGHTTP2_NO_ERROR, NULL, 0);
	wants(h2);
}
