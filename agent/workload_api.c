// SPDX-License-Identifier: Apache-2.0
#include "workload_api.h"
#include "workload_api_in.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "blob.h"
#include "listen.h"
#include "reflection.h"

static const struct grpc_method *const methods[] = {
	&fetch_x509_svid, &fetch_x509_bundles, &fetch_jwt_svid, &fetch_jwt_bundles,  &validate_jwt,
	&fetch_wit_svid,  &fetch_wit_bundles,  &reflection_v1,	&reflection_v1alpha,
};

struct workload_api *api_of(const struct grpc_call *call)
{
	return call->session->service->context;
}

struct workload_api *workload_api_new(struct loop *loop, const struct workload_backend *backend)
{
	struct workload_api *api = calloc(1, sizeof(*api));

	if (!api)
		return NULL;
	api->backend = *backend;
	api->service = (struct grpc_service){.methods = methods,
					     .count = sizeof(methods) / sizeof(methods[0]),
					     .key = {"workload.spiffe.io", "true"},
					     .loop = loop,
					     .context = api};
	return api;
}

static void server_ended(struct server *server)
{
	struct workload_api *api =
		(struct workload_api *)((char *)server - offsetof(struct workload_api, server));

	loop_queue(server->loop, &api->ending);
}

static void ending(struct loop_task *task)
{
	struct workload_api *api =
		(struct workload_api *)((char *)task - offsetof(struct workload_api, ending));

	api->ended(api->ended_context);
}

int workload_api_listen(struct workload_api *api, const char *path, const char **why)
{
	int fd = listen_unix(path, why);

	if (fd < 0)
		return fd;
	*why = "the socket cannot be watched";
	api->path = strdup(path);
	int rc = api->path ? server_start(&api->server, &api->service, fd, server_ended) : -ENOMEM;
	if (rc)
		close(fd);
	api->listening = !rc;
	return rc;
}

void workload_api_update(struct workload_api *api, struct identities *ids)
{
	struct identities *old = api->ids;

	api->ids = ids ? identities_ref(ids) : NULL;
	views_update(api);
	identities_unref(old);
}

void workload_api_end(struct workload_api *api, void (*ended)(void *context), void *context)
{
	api->ended = ended;
	api->ended_context = context;
	api->ending.run = ending;
	if (api->listening) {
		unlink(api->path);
		server_end(&api->server);
	} else {
		loop_queue(api->service.loop, &api->ending);
	}
}

void workload_api_free(struct workload_api *api)
{
	if (!api)
		return;
	if (api->listening) {
		if (!api->server.ending)
			unlink(api->path);
		server_close(&api->server);
	}
	loop_unqueue(api->service.loop, &api->ending);
	fetches_leave(api);
	identities_unref(api->ids);
	free(api->path);
	free(api);
}
