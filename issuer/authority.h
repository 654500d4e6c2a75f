/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who says whom the issuer believes and what a zone may be: files (policy.h), or whoever else
 * knows. Both may change while the issuer serves; a channel keeps what held when it began.
 */
#ifndef ISSUER_AUTHORITY_H
#define ISSUER_AUTHORITY_H

#include <cloister/verify.h>
#include "../channel/channel.h"
#include "wire.h"

/* What holds for a channel. */
struct issuer_terms {
	struct channel_trust trust;
	uint32_t x509_ttl, jwt_ttl; /* seconds */
};

/* Any number of threads may ask at a time. */
struct issuer_authority {
	/* For a connection, until release_terms() is called with it: never NULL. */
	const struct issuer_terms *(*hold_terms)(struct issuer_authority *authority);
	void (*release_terms)(struct issuer_authority *authority, const struct issuer_terms *terms);
	/*
	 * What the zone of this verdict gets, until release() is called with it; NULL: nothing. All
	 * is in order: IDs of the trust domain, hints and names of files that are unique. A NUL
	 * follows each text. Asked once for each channel, when the zone has proven itself.
	 */
	const struct wire_grants *(*hold)(struct issuer_authority *authority,
					  const struct cl_verdict_result *zone);
	void (*release)(struct issuer_authority *authority, const struct wire_grants *grants);
};

#endif
