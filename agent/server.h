/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections: who they are from, their bytes to and from their gRPC session, and their end when
 * they are silent, slow or too many (limits.h). Each has its own session; what they share is their
 * uid's account. Of the server's time each gets a turn for a few KiB, and each uid half at most.
 */
#ifndef AGENT_SERVER_H
#define AGENT_SERVER_H

#include "account.h"
#include "grpc.h"

struct server {
	const struct grpc_service *service;
	struct loop *loop;
	struct loop_watch listener;
	struct loop_timer retry; /* when there were no descriptors for new connections */
	struct connection *connections;
	struct accounts accounts;
	bool ending;
	/* After server_end(): there are no connections any more. */
	void (*ended)(struct server *server);
};

/* Takes over the listening socket. 0 or a negative errno. */
int server_start(struct server *server, const struct grpc_service *service, int listener,
		 void (*ended)(struct server *server));
/* No new connections; calls end with UNAVAILABLE; connections when that is sent, or GOODBYE_MS
 * later. */
void server_end(struct server *server);
/* All connections at once, sent or not. */
void server_close(struct server *server);

#endif
