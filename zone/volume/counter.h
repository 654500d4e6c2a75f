/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A counter in the machine's TPM that the host can neither set nor read in this zone's place. All
 * that matters goes through a session whose key is encrypted to the TPM's storage key; which that
 * is the Core says. The host can keep an answer from coming, and no more.
 */
#ifndef CLOISTER_VOLUME_COUNTER_H
#define CLOISTER_VOLUME_COUNTER_H

#include <stdint.h>
#include <tss2/tss2_esys.h>
#include "generation.h"
#include "keys.h"

struct counter {
	ESYS_CONTEXT *esys;
	ESYS_TR srk;
	ESYS_TR session;
	ESYS_TR index; /* ESYS_TR_NONE: there is none yet */
	uint32_t handle;
	TPM2B_AUTH auth;
};

/*
 * All of these: 0, or negative errno with the reason in why. srk_x, srk_y: the storage key's point;
 * NULL outside a zone, where nothing is kept from the host and any TPM will do.
 */
#define COUNTER_WHY 160
int counter_open(struct counter *c, TSS2_TCTI_CONTEXT *tcti, const uint8_t *srk_x,
		 const uint8_t *srk_y, const struct volume_keys *keys, char why[COUNTER_WHY]);
int counter_find(struct counter *c, enum counter_state *state, uint64_t *value,
		 char why[COUNTER_WHY]);
int counter_define(struct counter *c, char why[COUNTER_WHY]);
/* Raise it; *value is what it then has. */
int counter_raise(struct counter *c, uint64_t *value, char why[COUNTER_WHY]);
void counter_close(struct counter *c);

#endif
