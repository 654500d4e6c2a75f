/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who says what a zone may be: a file (policy.h), or whoever else knows. The issuer asks once for
 * each channel, when the zone has proven itself.
 */
#ifndef ISSUER_AUTHORITY_H
#define ISSUER_AUTHORITY_H

#include <cloister/verify.h>
#include "wire.h"

struct issuer_authority {
	/*
	 * What the zone of this verdict gets, until release() is called with it; NULL: nothing. All
	 * is in order: IDs of the trust domain, hints and names of files that are unique. A NUL
	 * follows each text. Any number of threads may ask at a time.
	 */
	const struct wire_grants *(*hold)(struct issuer_authority *authority,
					  const struct cl_verdict_result *zone);
	void (*release)(struct issuer_authority *authority, const struct wire_grants *grants);
};

#endif
