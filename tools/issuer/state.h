/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The issuer's directory, for its owner only:
 *
 *   channel.key     the key that zones know it by (PEM)
 *   keys.json       the trust domain's signing keys (issuer/keyring_file.h)
 *   foreign.json    other trust domains' bundles, as they were last seen
 *   .lock           held by who serves
 *
 * Functions return 0 or a negative errno with a sentence in error[].
 */
#ifndef CLOISTER_ISSUER_STATE_H
#define CLOISTER_ISSUER_STATE_H

#include <stdint.h>
#include <time.h>
#include "../../channel/key.h"
#include "../../issuer/keyring_file.h"

#define STATE_LIFE     604800u /* of signing keys, in seconds: a week */
#define STATE_LIFE_MIN 360u
#define STATE_LIFE_MAX 315360000u /* ten years */

struct state {
	int dir;
	int lock; /* -1: only looked at */
	char domain[SPIFFE_DOMAIN_MAX + 1];
	struct channel_key key;
};

/* A new one where there is nothing, or an empty directory. -ENOTEMPTY: there is something. */
int state_init(const char *path, const char *domain, uint32_t life, time_t now,
	       char error[CL_ERROR_SIZE]);
/* -> state_close() if it is 0. */
int state_open(struct state *state, const char *path, char error[CL_ERROR_SIZE]);
/* -EBUSY: another process has it. */
int state_lock(struct state *state, char error[CL_ERROR_SIZE]);
void state_close(struct state *state);

#endif
