/* SPDX-License-Identifier: Apache-2.0 */
/* Who knows the bundles of other trust domains, which zones get beside their own. */
#ifndef ISSUER_FOREIGN_H
#define ISSUER_FOREIGN_H

#include "../spiffe/bundle.h"

struct issuer_foreign {
	/*
	 * What is known now, one bundle of each trust domain, until release() is called with it;
	 * never NULL. As documents all of them, with the own one, fit into an answer. Any number of
	 * threads may ask at a time.
	 */
	const struct spiffe_bundles *(*hold)(struct issuer_foreign *foreign);
	void (*release)(struct issuer_foreign *foreign, const struct spiffe_bundles *bundles);
};

#endif
