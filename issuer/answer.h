/* SPDX-License-Identifier: Apache-2.0 */
/* One request of a zone that has proven itself, and the answer to it. */
#ifndef ISSUER_ANSWER_H
#define ISSUER_ANSWER_H

#include <time.h>
#include "keyring.h"
#include "wire.h"

/* For whom, and by what. Nothing of it changes while a request is answered. */
struct answer_terms {
	const struct wire_grants *grants;
	const struct authorities *authorities;
	/* Bundles of other trust domains; may be none. */
	const struct spiffe_bundle *const *foreign;
	size_t nr_foreign;
	uint32_t x509_ttl, jwt_ttl; /* seconds */
	time_t now;
};

/*
 * The answer, in out[]: its size, or a negative errno where there is none (-ENOMEM, -EIO, or
 * -ENOSPC if it does not fit). A refusal is an answer, too. `note` says in a few words what was
 * done.
 */
int answer_request(const struct answer_terms *terms, const uint8_t *request, size_t size,
		   uint8_t out[WIRE_ANSWER_MAX], char note[CL_ERROR_SIZE]);

#endif
