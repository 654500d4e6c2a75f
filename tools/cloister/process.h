/* SPDX-License-Identifier: Apache-2.0 */
/* Processes named by number and start time, as numbers are used again. */
#ifndef CLOISTER_CLI_PROCESS_H
#define CLOISTER_CLI_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
	pid_t pid;	/* 0: none */
	uint64_t start; /* clock ticks since boot, proc(5) */
};

/* The process with this number now; .pid = 0 if there is none. */
struct process process_of(pid_t pid);
bool process_alive(const struct process *p);

/* A pidfd of it, or -ESRCH. Readable once it has ended. */
int process_open(const struct process *p);

/* Wait until a pidfd's process ended: true, or false after ms milliseconds (-1: no limit). */
bool process_wait(int pidfd, int ms);
int process_signal(int pidfd, int signal);

#endif
