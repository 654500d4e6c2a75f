/* SPDX-License-Identifier: Apache-2.0 */
/* Static IPv4 on the zone's one network card. */
#ifndef CLOISTER_ZONE_NET_H
#define CLOISTER_ZONE_NET_H

#include "cmdline.h"

/* Loopback and eth0 up. 0 or a negative errno, with *why saying what failed. */
int net_up(const struct cmdline *cmdline, const char **why);

#endif
