/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to another trust domain's bundle endpoint (SPIFFE_Federation.md, sections 5.2.1.4 and
 * 5.2.2.4). Redirects are refused: where the bundle is, is the administrator's to say.
 */
#ifndef CLOISTER_ISSUER_FETCH_H
#define CLOISTER_ISSUER_FETCH_H

#include "../../spiffe/bundle.h"
#include "relation.h"

#define FETCH_MS 10000u /* for the whole exchange, besides the resolution of names */

/*
 * The body: its size, at most `max`; or a negative errno with the sentence. `known` is by what the
 * peer of an https_spiffe endpoint is judged.
 */
int fetch_bundle(const struct relation *relation, const struct spiffe_bundles *known, char *body,
		 size_t max, char error[CL_ERROR_SIZE]);

#endif
