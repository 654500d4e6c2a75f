/* SPDX-License-Identifier: Apache-2.0 */
/* What init and the agent (zone/agent) know of each other. */
#ifndef CLOISTER_ZONE_AGENT_H
#define CLOISTER_ZONE_AGENT_H

#define AGENT_PROGRAM	"/usr/lib/cloister/agent"
#define AGENT_CONFIG	"/etc/cloister/identity" /* without it a zone has no agent */
#define AGENT_UID	65533			 /* nobody else's */
#define AGENT_DIR	"/run/spiffe"
#define AGENT_SOCKET	AGENT_DIR "/workload.sock"
#define AGENT_NOTICE_FD 3

#endif
