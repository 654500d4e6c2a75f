/* SPDX-License-Identifier: Apache-2.0 */
/* Whose X509-SVID is it? (X509-SVID.md, section 5) */
#ifndef SPIFFE_X509_CHECK_H
#define SPIFFE_X509_CHECK_H

#include <time.h>
#include "bundle.h"

#define SPIFFE_CHAIN_MAX   8u /* certificates */
#define SPIFFE_CHAIN_BYTES 65536u

/*
 * chain: certificates in DER, one after the other as the Workload API has them, the leaf first. It
 * is checked at `now` against the bundle of the leaf's trust domain. A signing certificate in it
 * may name no other trust domain than the leaf's, or an authority of one domain that another has
 * signed could speak for that other. 0 with the leaf's ID, which is to be used in no other case;
 * -EINVAL or -ENOMEM with a sentence in *why.
 */
int spiffe_x509_check(const uint8_t *chain, size_t size, const struct spiffe_bundles *bundles,
		      time_t now, struct spiffe_id *id, const char **why);

#endif
