/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The zone's own processes beside the workload, which are started again if they end: the report
 * service, and the agent where an issuer gives the zone its identity.
 */
#ifndef CLOISTER_ZONE_SERVICES_H
#define CLOISTER_ZONE_SERVICES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <cloister/report.h>

struct services {
	int listener;	     /* of the report service */
	const uint8_t *spki; /* SHA-256, which reports name */
	const char *user;    /* the workload's, for the agent */
	pid_t report, agent; /* 0: not running */
	int notice, notify;  /* both ends of the agent's way to tell of new files; -1 */
	unsigned int restarts;
};

/* Zeroed but for the report service's. 0 or a negative errno. */
int services_start_report(struct services *services);

/*
 * Give the agent its directory and start it. After that SIGIO, which has to be blocked, comes when
 * it has something to tell. 0 or a negative errno.
 */
int services_start_agent(struct services *services, const char *user);

/* Has the agent told of new files since the last time? */
bool services_new_files(struct services *services);

/* A process has ended: is it one of these? Then it runs again, or a line says that it does not. */
void services_ended(struct services *services, pid_t pid, int status);

#endif
