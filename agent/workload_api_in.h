/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the Workload API share. */
#ifndef AGENT_WORKLOAD_API_IN_H
#define AGENT_WORKLOAD_API_IN_H

#include "messages.h"
#include "server.h"
#include "workload_api.h"

struct workload_api {
	struct workload_backend backend;
	struct grpc_service service;
	struct server server;
	bool listening;
	char *path;
	struct identities *ids;
	struct view *views;    /* workload_streams.c */
	struct fetch *fetches; /* workload_jwt.c */
	struct loop_task ending;
	void (*ended)(void *context);
	void *ended_context;
};

struct workload_api *api_of(const struct grpc_call *call);

extern const struct grpc_method fetch_x509_svid, fetch_x509_bundles, fetch_jwt_bundles;
extern const struct grpc_method fetch_jwt_svid, validate_jwt;
extern const struct grpc_method fetch_wit_svid, fetch_wit_bundles;

/* The snapshot is another one. */
void views_update(struct workload_api *api);
/* The server goes; the producer still has requests. */
void fetches_leave(struct workload_api *api);

#endif
