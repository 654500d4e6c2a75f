/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The issuer's service: attested channels with zones, a thread for each. Everything that a stranger
 * can make it keep is bounded: connections, the time to become a channel, the time between
 * requests. A channel lives as long as a certificate does: then the zone has to prove itself again.
 */
#ifndef ISSUER_SERVE_H
#define ISSUER_SERVE_H

#include "../channel/channel.h"
#include "authority.h"
#include "foreign.h"
#include "keyring.h"

#define ISSUER_PORT	       7446
#define ISSUER_CONNECTIONS_MAX 256u
#define ISSUER_STRANGERS_MAX   64u /* of these that have proven nothing yet; the oldest has to go */
#define ISSUER_OPEN_MS	       30000u /* from accept to both proofs; a TPM's quote takes its time */
#define ISSUER_IDLE_MS	       600000u /* between requests */

struct issuer {
	struct issuer_authority *authority;
	struct keyring *keyring;
	struct issuer_foreign *foreign; /* NULL: no other trust domain is known */
	struct channel_self self;
	/* One line for people; from any thread. */
	void (*log)(const char *line);
};

/*
 * Serve on a listening socket until `stop` becomes readable; then nobody new is let in, and it
 * returns when all channels have ended, which it makes them do. 0 or a negative errno.
 */
int issuer_serve(const struct issuer *issuer, int listener, int stop);

#endif
