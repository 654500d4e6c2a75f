/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ZONE_AGENT_PRIVILEGES_H
#define ZONE_AGENT_PRIVILEGES_H

#include <sys/types.h>

/*
 * Be this user from now on, with no right of root's but to give files away (CAP_CHOWN), and with
 * memory that nobody else may read. For good. 0 or a negative errno.
 */
int privileges_drop(uid_t uid);

#endif
