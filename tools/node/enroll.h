/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registrar's talk with a node, which may be anyone's: what it says is bounded in size and time
 * and checked before it is used.
 */
#ifndef CLOISTER_NODE_ENROLL_H
#define CLOISTER_NODE_ENROLL_H

#include "address.h"
#include "credential.h"
#include "ek_cert.h"

struct candidate {
	struct public_key ek;
	struct public_key ak;
	struct ek_checked checked;
};

/*
 * Check what a node says about itself (the answer to GET /enrol). 0 or -EINVAL with the reason in
 * error[]. ek: the kind of endorsement key that was asked for; a node may not choose, as a TPM with
 * two would then be two.
 */
int candidate_check(struct candidate *c, enum public_kind ek, const uint8_t *data, size_t size,
		    const struct ek_roots *real, const struct ek_roots *test, time_t now,
		    char error[CL_ERROR_SIZE]);

/* Ask the node, and check. 0 or a negative errno. */
int candidate_ask(struct candidate *c, enum public_kind ek, const struct address *node,
		  unsigned int timeout_ms, const struct ek_roots *real, const struct ek_roots *test,
		  time_t now, char error[CL_ERROR_SIZE]);

/*
 * Let the node prove, with a secret of the moment, that EK and AK are in one TPM. 0 or a negative
 * errno (-EACCES: it has not proved it).
 */
int candidate_activate(const struct candidate *c, const struct address *node,
		       unsigned int timeout_ms, char error[CL_ERROR_SIZE]);

/* Give the node its certificate (DER). */
int candidate_deliver(const struct address *node, const uint8_t *der, size_t size,
		      unsigned int timeout_ms, char error[CL_ERROR_SIZE]);

#endif
