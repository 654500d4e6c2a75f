/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of the zone. */
#ifndef CLOISTER_ZONE_RUN_H
#define CLOISTER_ZONE_RUN_H

#include <stdint.h>
#include <sys/types.h>
#include "services.h"
#include "workload.h"

/* Its process id or a negative errno. */
pid_t run_workload(struct workload *workload, uint32_t uid, uint32_t gid);

/* Be this user, without any capability, for good. 0 or a negative errno. */
int run_drop_rights(uint32_t uid, uint32_t gid);

/* A status of waitpid(2) as a shell would give it. */
uint32_t run_shell_status(int status);

/* Block the signals that run_supervise() waits for. Before the first run_*(). */
void run_block_signals(void);

/*
 * Run PROGRAM to its end, as root. Its status as a shell would give it, or a negative errno.
 * run_supervise() must not be running.
 */
int run_and_wait(char *const argv[]);

/* A process that asks init to end the zone when the host says so. Its id or a negative errno. */
pid_t run_stop_service(void);

/* End all that is left of the workload, and wait until it is gone. */
void run_end_all(void);

/*
 * Wait until the agent has put files there; services are kept running. 0, -EINTR if the zone is
 * asked to end, or -ECHILD: there is no agent any more.
 */
int run_wait_for_files(struct services *services);

/*
 * Say when the workload is ready, reap, ask it to end on SIGTERM and SIGINT, tell it of new files,
 * keep the services running. Returns the workload's status as a shell would give it, once it has
 * ended.
 */
uint32_t run_supervise(const struct workload *workload, pid_t main, struct services *services);

#endif
