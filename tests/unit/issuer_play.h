/* SPDX-License-Identifier: Apache-2.0 */
/* An issuer in a thread, and zones with forged evidence that come to it. */
#ifndef TESTS_UNIT_ISSUER_PLAY_H
#define TESTS_UNIT_ISSUER_PLAY_H

#include "../../issuer/serve.h"
#include "evidence_test.h"

#define WAIT_MS 20000u
#define SPAN(text)                                                                                 \
	(struct wire_span)                                                                         \
	{                                                                                          \
		(const uint8_t *)(text), sizeof(text) - 1                                          \
	}

extern struct wire_grants grants; /* what every zone gets; to be changed before it comes */
extern bool no_grants;
extern uint32_t issuer_x509_ttl;      /* seconds; to be set before issuer_begin() */
extern struct spiffe_bundles foreign; /* none, if a test puts none there */
extern uint16_t issuer_port;

/* A cmocka setup and teardown: the latter fails if grants were not given back. */
int issuer_begin(void **state);
int issuer_end(void **state);
/* Ends it within a test. */
void issuer_stop(void);

/* Has the issuer said this? */
bool issuer_logged(const char *text);

/* The issuer's key, and the zone's, with evidence for as many channels as are wanted. */
const uint8_t (*issuer_key(void))[CL_REPORT_SPKI_SIZE];
struct channel_self issuer_zone(void);

/* A zone of another launch digest (NULL: the right one) opens a channel: as channel_open(). */
int issuer_dial(struct channel *channel, void *other_digest, char error[CL_ERROR_SIZE]);
/* The right one, or the test fails. */
void issuer_come_in(struct channel *channel);

#endif
