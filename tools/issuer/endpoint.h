/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SPIFFE bundle endpoint (SPIFFE_Federation.md, section 4): who has a relationship with this
 * trust domain asks for its bundle over HTTPS. Everybody may. As many connections as there are
 * threads are served at a time, each for a few seconds at most; others wait.
 */
#ifndef CLOISTER_ISSUER_ENDPOINT_H
#define CLOISTER_ISSUER_ENDPOINT_H

#include "credential.h"

#define ENDPOINT_PORT	 8443
#define ENDPOINT_THREADS 32u
#define ENDPOINT_MS	 10000u /* for a connection in all */
/* Seconds: a day, or less with signing keys that do not live long. */
#define ENDPOINT_SVID_TTL(life) ((life) / 6 < 86400u ? (life) / 6 : 86400u)

struct endpoint;

/*
 * Serve on a listening non-blocking socket. All three must outlive it. 0 or a negative errno; ->
 * endpoint_stop().
 */
int endpoint_start(int listener, struct credential *credential, struct keyring *keyring,
		   struct endpoint **endpoint);
/* Hangs up on everybody and waits until they are gone. NULL: nothing. */
void endpoint_stop(struct endpoint *endpoint);

#endif
