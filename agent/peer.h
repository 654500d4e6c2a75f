/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end of a unix socket. */
#ifndef AGENT_PEER_H
#define AGENT_PEER_H

#include <sys/types.h>

/*
 * The effective uid of the process that called connect(), as the kernel noted it then (unix(7),
 * SO_PEERCRED): what that process becomes later, or to whom it hands the descriptor, changes
 * nothing. A uid that the server's user namespace does not know is the kernel's overflow uid. 0 or
 * a negative errno.
 */
int peer_uid(int fd, uid_t *uid);

#endif
