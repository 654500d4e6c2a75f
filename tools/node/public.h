/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public areas of the keys that take part in an enrolment (TPMT_PUBLIC as marshalled, TPM 2.0
 * Library part 2, 12.2.4). There are three kinds, and of each kind everything but the key itself is
 * fixed: so one table of bytes is what the node gives to its TPM and what the registrar compares
 * with, and nothing of it need be parsed.
 */
#ifndef CLOISTER_NODE_PUBLIC_H
#define CLOISTER_NODE_PUBLIC_H

#include <stddef.h>
#include <stdint.h>
#include <openssl/evp.h>

#define PUBLIC_MAX     512u /* bytes of a public area */
#define TPM_NAME_SIZE  34u  /* nameAlg ‖ SHA-256 of the public area */
#define SPKI_HASH_SIZE 32u

enum public_kind {
	PUBLIC_EK_ECC, /* TCG EK Credential Profile, template L-2 */
	PUBLIC_EK_RSA, /* L-1 */
	PUBLIC_AK,     /* ECC P-256, ECDSA with SHA-256, restricted, for signing only */
};

struct public_key {
	enum public_kind kind;
	size_t size;	/* of x and y (32), or of the modulus (256) */
	uint8_t x[256]; /* or the modulus; big-endian, padded */
	uint8_t y[32];
	uint8_t name[TPM_NAME_SIZE];
};

/* The template to give to TPM2_CreatePrimary; its size, or -ENOSPC. */
int public_template(enum public_kind kind, uint8_t *out, size_t max);

/*
 * Take a public area that must be of this kind to the last bit. 0, or -EINVAL with `why` set to
 * what is wrong (static).
 */
int public_parse(struct public_key *key, enum public_kind kind, const uint8_t *data, size_t size,
		 const char **why);

/* As OpenSSL has it: NULL if it is no key (a point off the curve). EVP_PKEY_free() it. */
EVP_PKEY *public_pkey(const struct public_key *key);

/* SHA-256 over a key's SubjectPublicKeyInfo. 0 or -EIO. */
int spki_hash(EVP_PKEY *key, uint8_t hash[SPKI_HASH_SIZE]);

#endif
