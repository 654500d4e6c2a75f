/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys: those made here are P-256. Of others' public keys, what JWT-SVID.md, section 2.1, has
 * algorithms for is understood: P-256, P-384, P-521, and RSA of 2048 to 8192 bits.
 */
#ifndef SPIFFE_KEY_H
#define SPIFFE_KEY_H

#include <jansson.h>
#include <openssl/evp.h>

#define SPIFFE_KEY_DER_MAX 512u /* a P-256 key in PKCS#8 is 138 bytes */
#define SPIFFE_KID_SIZE	   44u	/* a thumbprint and a NUL */

enum spiffe_key_kind {
	SPIFFE_KEY_OTHER,
	SPIFFE_KEY_P256,
	SPIFFE_KEY_P384,
	SPIFFE_KEY_P521,
	SPIFFE_KEY_RSA,
};

enum spiffe_key_kind spiffe_key_kind(const EVP_PKEY *key);

/* A fresh P-256 key; NULL if OpenSSL fails. */
EVP_PKEY *spiffe_key_new(void);

#define SPIFFE_POINT_SIZE 65u

/* The P-256 key of 4 ‖ x ‖ y (SEC 1, section 2.3.3); NULL if that is no point on the curve. */
EVP_PKEY *spiffe_key_from_point(const uint8_t point[SPIFFE_POINT_SIZE]);

/*
 * The private key as unencrypted PKCS#8 (RFC 5958), as the Workload API hands it out: the size, or
 * -ENOMEM. For OPENSSL_clear_free(der, size).
 */
int spiffe_key_to_der(const EVP_PKEY *key, uint8_t **der);

/* The way back, for P-256 alone. 0, or -EINVAL with a sentence in *why. */
int spiffe_key_from_der(const uint8_t *der, size_t size, EVP_PKEY **key, const char **why);

/*
 * The public key's required members (RFC 7518, sections 6.2.1 and 6.3.1), and no others. NULL if
 * the key is of no kind above, or memory ends.
 */
json_t *spiffe_key_to_jwk(const EVP_PKEY *key);

/*
 * A public key out of a JWK, whatever members it has besides; but one with a private key in it is
 * refused, as whoever has read it can sign. 0, or -EINVAL with a sentence in *why.
 */
int spiffe_key_from_jwk(const json_t *jwk, EVP_PKEY **key, const char **why);

/*
 * The kid for JWTs: the JWK's thumbprint (RFC 7638 with SHA-256), so that a key has one name
 * wherever it is made, and two keys never share one. 0 or -EINVAL.
 */
int spiffe_key_kid(const EVP_PKEY *key, char kid[SPIFFE_KID_SIZE]);

#endif
