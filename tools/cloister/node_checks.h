/* SPDX-License-Identifier: Apache-2.0 */
/* What has to hold for a machine to become a node, one finding each. */
#ifndef CLOISTER_CLI_NODE_CHECKS_H
#define CLOISTER_CLI_NODE_CHECKS_H

#include "node_host.h"

enum finding_state { FINDING_OK, FINDING_UNKNOWN, FINDING_WARNING, FINDING_ERROR };

struct finding {
	const char *name;
	enum finding_state state;
	char reason[320];
};

#define FINDINGS_MAX 16

/* All of them, in a fixed order; how many. */
size_t node_checks(const struct node_host *h, struct finding findings[FINDINGS_MAX]);

const char *finding_state_name(enum finding_state state);

/* The worst of them. */
enum finding_state findings_worst(const struct finding *findings, size_t count);

#endif
