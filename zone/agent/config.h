/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom the agent asks: /etc/cloister/identity in the root file system, covered by the root hash.
 * Each line once; '#' starts a comment line.
 *
 *   issuer   ADDRESS:PORT KEY   KEY: SHA-256 of its SubjectPublicKeyInfo in hex, as
 *                               `cloister-issuer show` prints it
 *   evidence ADDRESS:PORT       the node's evidence service, which is not believed
 */
#ifndef ZONE_AGENT_CONFIG_H
#define ZONE_AGENT_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <cloister/report.h>

#define CONFIG_MAX 1024u

struct config_address {
	char host[64]; /* numeric: a zone has no resolver */
	uint16_t port;
};

struct config {
	struct config_address issuer, evidence;
	uint8_t key[1][CL_REPORT_SPKI_SIZE];
};

/* 0, or -EINVAL with *line the offending line (0: one is missing). */
int config_parse(struct config *config, const char *text, size_t size, unsigned int *line);

/* The file. 0 or a negative errno; as above. */
int config_read(struct config *config, const char *path, unsigned int *line);

#endif
