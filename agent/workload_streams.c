// SPDX-License-Identifier: Apache-2.0
// Streams of updates, and the WIT profile's, which there are none of. The streams of one uid for
// one kind of message share a view: the message is made once for all of them.
#include "workload_api_in.h"
#include <stdlib.h>
#include <workload.pb-c.h>
#include "blob.h"
#include "limits.h"
#include "wire.h"

struct stream {
	struct grpc_call *call;
	struct view *view;
	struct stream *before, *after;
};

struct view {
	struct account *account;
	enum message_kind kind;
	struct message message; /* the latest */
	struct stream *streams;
	struct view *before, *after;
};

static void view_free(struct workload_api *api, struct view *view)
{
	*(view->before ? &view->before->after : &api->views) = view->after;
	if (view->after)
		view->after->before = view->before;
	blob_unref(view->message.blob);
	account_unref(view->account);
	free(view);
}

static struct message make(struct workload_api *api, struct account *account,
			   enum message_kind kind)
{
	struct message m = message_make(kind, api->ids, account);

	if (m.status != GRPC_RESOURCE_EXHAUSTED)
		return m;
	// The uid's slow readers keep so much old that there is no room for the new: they go.
	for (const struct view *view = api->views; view; view = view->after) {
		for (const struct stream *s = view->streams; s && view->account == account;
		     s = s->after) {
			if (grpc_keeps_old(s->call, view->message.blob))
				grpc_calm(s->call);
		}
	}
	return message_make(kind, api->ids, account);
}

static struct view *view_of(struct workload_api *api, struct account *account,
			    enum message_kind kind)
{
	struct view *view = api->views;

	while (view && (view->account != account || view->kind != kind))
		view = view->after;
	if (view) {
		if (view->message.status == GRPC_RESOURCE_EXHAUSTED)
			view->message = make(api, account, kind);
		return view;
	}
	view = calloc(1, sizeof(*view));
	if (!view)
		return NULL;
	view->account = account_ref(account);
	view->kind = kind;
	view->message = make(api, account, kind);
	view->after = api->views;
	if (view->after)
		view->after->before = view;
	api->views = view;
	return view;
}

static void stream_closed(struct grpc_call *call)
{
	struct stream *stream = call->state;

	if (!stream)
		return;
	struct view *view = stream->view;
	*(stream->before ? &stream->before->after : &view->streams) = stream->after;
	if (stream->after)
		stream->after->before = stream->before;
	free(stream);
	call->state = NULL;
	if (!view->streams)
		view_free(api_of(call), view);
}

static void show(const struct view *view, struct grpc_call *call)
{
	if (view->message.status)
		grpc_finish(call, view->message.status, view->message.why);
	else
		grpc_send(call, blob_ref(view->message.blob));
}

static void open_stream(struct grpc_call *call, enum message_kind kind)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	struct view *view = stream ? view_of(api_of(call), call->session->account, kind) : NULL;

	if (!view) {
		free(stream);
		grpc_finish(call, GRPC_RESOURCE_EXHAUSTED, "there is no memory");
		return;
	}
	*stream = (struct stream){.call = call, .view = view, .after = view->streams};
	if (stream->after)
		stream->after->before = stream;
	view->streams = stream;
	call->state = stream;
	show(view, call);
}

static void view_update(struct workload_api *api, struct view *view)
{
	struct message new = make(api, view->account, view->kind);

	if (!new.status && !view->message.status && blob_same(new.blob, view->message.blob)) {
		blob_unref(new.blob);
		return;
	}
	blob_unref(view->message.blob);
	view->message = new;
	for (struct stream *s = view->streams; s; s = s->after)
		show(view, s->call);
}

void views_update(struct workload_api *api)
{
	// Nothing is closed from within: that happens when the connections are served.
	for (struct view *view = api->views; view; view = view->after)
		view_update(api, view);
}

// Requests have no fields, but they have to be messages.
static bool well_formed(struct grpc_call *call, const ProtobufCMessageDescriptor *type,
			const uint8_t *message, size_t size)
{
	struct arena arena = {.left = SCRATCH_MAX};
	bool ok = wire_parse(type, message, size, &arena) != NULL;

	arena_empty(&arena);
	if (!ok)
		grpc_finish(call, GRPC_INVALID_ARGUMENT, "the request is malformed");
	return ok;
}

static void x509_svid_asked(struct grpc_call *call, const uint8_t *message, size_t size)
{
	if (well_formed(call, &x509_svidrequest__descriptor, message, size))
		open_stream(call, MESSAGE_X509_SVIDS);
}

static void x509_bundles_asked(struct grpc_call *call, const uint8_t *message, size_t size)
{
	if (well_formed(call, &x509_bundles_request__descriptor, message, size))
		open_stream(call, MESSAGE_X509_BUNDLES);
}

static void jwt_bundles_asked(struct grpc_call *call, const uint8_t *message, size_t size)
{
	if (well_formed(call, &jwtbundles_request__descriptor, message, size))
		open_stream(call, MESSAGE_JWT_BUNDLES);
}

static void wit_asked(struct grpc_call *call, const uint8_t *message, size_t size)
{
	grpc_finish(call, GRPC_UNIMPLEMENTED, "the WIT-SVID profile is not supported");
}

const struct grpc_method fetch_x509_svid = {.path = "/SpiffeWorkloadAPI/FetchX509SVID",
					    .request = x509_svid_asked,
					    .closed = stream_closed};
const struct grpc_method fetch_x509_bundles = {.path = "/SpiffeWorkloadAPI/FetchX509Bundles",
					       .request = x509_bundles_asked,
					       .closed = stream_closed};
const struct grpc_method fetch_jwt_bundles = {.path = "/SpiffeWorkloadAPI/FetchJWTBundles",
					      .request = jwt_bundles_asked,
					      .closed = stream_closed};
const struct grpc_method fetch_wit_svid = {.path = "/SpiffeWorkloadAPI/FetchWITSVID",
					   .request = wit_asked};
const struct grpc_method fetch_wit_bundles = {.path = "/SpiffeWorkloadAPI/FetchWITBundles",
					      .request = wit_asked};
