/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relationships with other trust domains (SPIFFE_Federation.md, section 6): their bundles are
 * fetched again and again, as often as they ask for it, and the last good one of each is kept. A
 * thread for each, as one endpoint's silence is none of the others' business.
 */
#ifndef CLOISTER_ISSUER_FEDERATION_H
#define CLOISTER_ISSUER_FEDERATION_H

#include "../../issuer/foreign.h"
#include "../../issuer/wire.h"
#include "relation.h"

#define FEDERATION_MAX	     (WIRE_BUNDLES_MAX - 1u)
#define FEDERATION_OWN_BYTES 65536u /* of an answer to a zone: for the own bundle */

/* Seconds between two fetches. */
#define FEDERATION_HINT	     300 /* for who has no hint */
#define FEDERATION_MIN	     60
#define FEDERATION_MAX_WAIT  86400
#define FEDERATION_RETRY     5	  /* after an error, twice as long after each more, */
#define FEDERATION_RETRY_MAX 3600 /* and some at random besides */

struct federation;

/*
 * Begin with what `dir` has kept and what the relations' files say. Those must outlive it, and are
 * of different trust domains. 0, or a negative errno with the sentence; -> federation_stop().
 */
int federation_start(const struct relation *relations, size_t count, int dir,
		     struct federation **federation, char error[CL_ERROR_SIZE]);
/* Waits for fetches that are under way, for FETCH_MS at most. NULL: nothing. */
void federation_stop(struct federation *federation);

struct issuer_foreign *federation_foreign(struct federation *federation);
/* Fetch all now. */
void federation_hurry(struct federation *federation);

#endif
