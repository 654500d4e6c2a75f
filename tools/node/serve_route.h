/* SPDX-License-Identifier: Apache-2.0 */
/* Which request is answered by what. */
#ifndef CLOISTER_NODE_SERVE_ROUTE_H
#define CLOISTER_NODE_SERVE_ROUTE_H

#include "answers.h"

#define BODY_MAX CL_AK_CERT_MAX

struct route {
	const char *path;
	const char *method;
	size_t body_max;      /* at most BODY_MAX */
	const char *argument; /* in the query, that is given to answer(); NULL: none */
	void (*answer)(struct node *node, const char *argument, const uint8_t *body, size_t size,
		       struct answer *a);
};

/* NULL with the HTTP status to refuse it with. */
const struct route *route_find(const char *path, const char *method, unsigned int *status);

#endif
