/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a connection may last in all. The HTTP library ends those that are silent; one that says
 * a byte now and then would hold its place for ever.
 */
#ifndef CLOISTER_NODE_WATCH_H
#define CLOISTER_NODE_WATCH_H

#include <stdbool.h>

#define WATCH_CONNECTIONS 32u
#define WATCH_SECONDS	  30

void watch_add(int fd);
void watch_remove(int fd);
/* The request is complete and waits for the TPM: that is our time, not the peer's. */
void watch_working(int fd, bool working);
/* Once a second: shut down what has lasted too long. */
void watch_tick(void);

#endif
