/* SPDX-License-Identifier: Apache-2.0 */
/* Argument values of `cloister run`. */
#ifndef CLOISTER_CLI_OPTIONS_H
#define CLOISTER_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* What the Core takes as an idle time (core/zone/launch.c); 0 leaves it to the Core. */
#define IDLE_MS_MIN	100u
#define IDLE_MS_MAX	3600000u
#define PUBLISH_MAX	16u
#define CONNECT_MAX	16u
#define NAME_MAX_LENGTH 63u

struct publish {
	char address[16]; /* dotted IPv4; "0.0.0.0" is every address */
	uint16_t host_port;
	uint16_t zone_port;
};

/* A port of the zone's gateway, and what it reaches there. */
struct reach {
	uint16_t zone_port;
	char address[16]; /* dotted IPv4, not 0.0.0.0 */
	uint16_t port;
};

/* [ADDRESS:]HOSTPORT:ZONEPORT. 0 or -EINVAL. */
int parse_publish(const char *text, struct publish *p);

/* ZONEPORT:HOST:PORT. 0 or -EINVAL. */
int parse_connect(const char *text, struct reach *r);

/* Pages ("4096"), a size ("64M"), a share of `memory` ("25%"), or "all" = 0. 0 or -EINVAL. */
int parse_window(const char *text, uint64_t memory, uint32_t *pages);

/* Letters, digits, '.', '_', '-'; begins with a letter or digit; at most NAME_MAX_LENGTH. */
bool name_valid(const char *name);

/* A valid name made from the last part of a path. */
void name_from_path(const char *path, char name[NAME_MAX_LENGTH + 1]);

/* 1 to CL_ZONE_VCPUS_MAX; 0 or -EINVAL. */
int parse_vcpus(const char *text, uint32_t *vcpus);

#endif
