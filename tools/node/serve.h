/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence service's HTTP, by libmicrohttpd. */
#ifndef CLOISTER_NODE_SERVE_H
#define CLOISTER_NODE_SERVE_H

#include "answers.h"

/* Serve on this listening socket, which becomes its own, until SIGINT or SIGTERM. 0 or -errno. */
int serve(struct node *node, int listener);

#endif
