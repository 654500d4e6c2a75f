/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another trust domain, and how its bundle is fetched (SPIFFE_Federation.md, section 5.1):
 *
 *   NAME=https_web:URL[,CA-FILE]
 *   NAME=https_spiffe:URL,ENDPOINT-SPIFFE-ID,BUNDLE-FILE
 */
#ifndef CLOISTER_ISSUER_RELATION_H
#define CLOISTER_ISSUER_RELATION_H

#include <stdbool.h>
#include <stdint.h>
#include <cloister/verify.h>
#include "../../spiffe/id.h"

#define RELATION_HOST_MAX   255u
#define RELATION_TARGET_MAX 1024u

struct relation {
	char *text; /* whose parts the pointers below are */
	const char *domain;
	char host[RELATION_HOST_MAX + 1]; /* without brackets */
	bool numeric;			  /* the host is an address */
	uint16_t port;
	char target[RELATION_TARGET_MAX + 1]; /* of the request: path and query */

	bool spiffe;		   /* else https_web */
	const char *ca_file;	   /* https_web: PEM; NULL: the system's */
	struct spiffe_id endpoint; /* https_spiffe: who answers there, */
	const char *bundle_file;   /* and the bundle of that trust domain to begin with */
	bool self_serving;	   /* which is the same that is fetched */
};

/* 0, or -EINVAL or -ENOMEM with the sentence; -> relation_free() in both cases. */
int relation_parse(struct relation *relation, const char *text, char error[CL_ERROR_SIZE]);
void relation_free(struct relation *relation);

#endif
