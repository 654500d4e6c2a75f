/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outer form of an evidence bundle (<cloister/evidence.h>): put together on the node, taken
 * apart by the client that adds a zone's report. What is in the parts is the verifier's business.
 */
#ifndef CLOISTER_NODE_BUNDLE_H
#define CLOISTER_NODE_BUNDLE_H

#include "tpm.h"
#include "wire.h"

struct bundle {
	struct wire_bytes ak;
	struct wire_bytes quote;
	struct wire_bytes report; /* data NULL: none */
	struct wire_bytes boot_log;
};

/* The quote's own CBOR. Its size or -ENOSPC. */
int bundle_put_quote(const struct tpm_quote *quote, uint8_t *out, size_t max);

/* Size or -ENOSPC. */
int bundle_put(const struct bundle *bundle, uint8_t *out, size_t max);

/* The parts point into data. 0 or -EINVAL with `why` (static). */
int bundle_take(struct bundle *bundle, const uint8_t *data, size_t size, const char **why);

#endif
