// SPDX-License-Identifier: Apache-2.0
// The requests that there are.
#include "serve_route.h"
#include <string.h>
#include "wire.h"

static void get_evidence(struct node *node, const char *argument, const uint8_t *body, size_t size,
			 struct answer *a)
{
	answer_evidence(node, argument, a);
}

static void get_enrol(struct node *node, const char *argument, const uint8_t *body, size_t size,
		      struct answer *a)
{
	answer_enrol(node, argument, a);
}

static void post_activate(struct node *node, const char *argument, const uint8_t *body, size_t size,
			  struct answer *a)
{
	answer_activate(node, body, size, a);
}

static void post_ak(struct node *node, const char *argument, const uint8_t *body, size_t size,
		    struct answer *a)
{
	answer_ak(node, body, size, a);
}

static const struct route routes[] = {
	{"/evidence", "GET", 0, "nonce", get_evidence},
	{"/enrol", "GET", 0, "ek", get_enrol},
	{"/activate", "POST", WIRE_ACTIVATE_MAX, NULL, post_activate},
	{"/ak", "POST", BODY_MAX, NULL, post_ak},
};

const struct route *route_find(const char *path, const char *method, unsigned int *status)
{
	*status = 404;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(routes[i].path, path) != 0)
			continue;
		if (!strcmp(routes[i].method, method))
			return &routes[i];
		*status = 405;
	}
	return NULL;
}
