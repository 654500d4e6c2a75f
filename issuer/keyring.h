/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trust domain's keys, and their rotation. Of each kind (X.509, JWT) one signs. Its successor
 * is made in time, published at once, and signs only when everybody has had time to learn of it;
 * then the old one is believed until its time is over.
 *
 *   life L:   0 ............ L/2 .......... 2L/3 ......... L
 *             made, signs    successor made  and signs      no longer believed
 *
 * Each key keeps the life that it was made with, whatever the keyring is opened with later.
 *
 * Times are seconds since 1970, given by the caller; durations are seconds.
 */
#ifndef ISSUER_KEYRING_H
#define ISSUER_KEYRING_H

#include <stdint.h>
#include <time.h>
#include <cloister/verify.h>
#include "../spiffe/bundle.h"
#include "../spiffe/x509_ca.h"
#include "keyring_file.h"

/* What is issued ends before a third of its issuer's life is left to it. */
#define KEYRING_LIFE_MIN(ttl) (6u * (ttl))

struct keyring;

/* What holds at one time; it never changes, and lives until it is released. */
struct authorities {
	struct spiffe_ca ca; /* signs certificates */
	EVP_PKEY *jwt_key;   /* signs tokens */
	char kid[SPIFFE_KID_MAX + 1];
	time_t jwt_until;
	struct spiffe_bundle bundle; /* all that are to be believed */
	char *jwks;		     /* the same as a document */
	size_t jwks_size;
};

/*
 * Read the keys in a directory, or make the first ones there. The directory is for its owner only,
 * and is the caller's to lock. 0, or a negative errno with the sentence; -> keyring_close().
 */
int keyring_open(int dir, const char *domain, uint32_t life, time_t now, struct keyring **keyring,
		 char error[CL_ERROR_SIZE]);
void keyring_close(struct keyring *keyring); /* NULL: nothing */

/*
 * Do what is due: to be called again at the time that it returns, or earlier; or a negative errno
 * with the sentence, and all is as it was. New keys are on the disk before anybody sees them.
 */
int64_t keyring_tick(struct keyring *keyring, time_t now, char error[CL_ERROR_SIZE]);

/* Any number of threads may hold and release. */
const struct authorities *keyring_hold(struct keyring *keyring);
void keyring_release(struct keyring *keyring, const struct authorities *authorities);

/*
 * How often others should ask for the bundle: several times before a new key signs. For the thread
 * that ticks.
 */
uint32_t keyring_refresh_hint(const struct keyring *keyring);

/* For who only looks at a keyring's file (keyring_file.h): which one of `count` (not 0) signs? */
size_t keyring_signing(const struct keyring_keys *keys, time_t now);
/*
 * What there is to be believed at this time. 0, or a negative errno with a sentence in *why;
 * -> spiffe_bundle_free() in both cases.
 */
int keyring_bundle(const struct keyring_state *state, const char *domain, time_t now,
		   struct spiffe_bundle *bundle, const char **why);

#endif
