/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a keyring, and the file that they are kept in: keys.json, for its owner only. */
#ifndef ISSUER_KEYRING_FILE_H
#define ISSUER_KEYRING_FILE_H

#include <stdint.h>
#include <time.h>
#include <openssl/evp.h>
#include <cloister/verify.h>
#include "../spiffe/id.h"

#define KEYRING_FILE	 "keys.json"
#define KEYRING_FILE_MAX 65536u
#define KEYRING_KEYS_MAX 4u /* of a kind: a signer, its successor, and what is still believed */

struct keyring_key {
	EVP_PKEY *key;
	uint8_t *certificate; /* DER, of an X.509 authority; from OpenSSL's allocator */
	size_t certificate_size;
	time_t made, until;
};

struct keyring_keys {
	struct keyring_key key[KEYRING_KEYS_MAX]; /* oldest first */
	size_t count;
};

struct keyring_state {
	struct keyring_keys x509, jwt;
	int64_t sequence; /* of the bundle: one more with each change */
};

void keyring_key_free(struct keyring_key *key);
void keyring_state_free(struct keyring_state *state);
/* Aborts without memory. */
void keyring_state_copy(struct keyring_state *to, const struct keyring_state *from);

/*
 * No file: an empty state. 0, or a negative errno with the sentence: -EINVAL for a file that is
 * damaged, or another trust domain's.
 */
int keyring_state_read(struct keyring_state *state, int dir, const char *domain,
		       char error[CL_ERROR_SIZE]);
/* Whose keys they are. 0, or as above; -ENOENT: there are none. */
int keyring_state_domain(int dir, char domain[SPIFFE_DOMAIN_MAX + 1], char error[CL_ERROR_SIZE]);
int keyring_state_write(const struct keyring_state *state, int dir, const char *domain,
			char error[CL_ERROR_SIZE]);

#endif
