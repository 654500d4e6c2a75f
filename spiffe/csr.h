/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate requests (PKCS#10, RFC 2986): whose key is it? That the sender has the private key is
 * proven by the request's signature; all else in it is a wish.
 */
#ifndef SPIFFE_CSR_H
#define SPIFFE_CSR_H

#include <stdbool.h>
#include <openssl/x509v3.h>
#include "key.h"

#define SPIFFE_CSR_MAX 8192u /* bytes of DER */

struct spiffe_csr {
	EVP_PKEY *key;			  /* of P-256 */
	uint8_t point[SPIFFE_POINT_SIZE]; /* the same, as certificates have it */
	GENERAL_NAMES *names;		  /* asked for; NULL if none are */
};

/* Its signature is verified here, once. 0, or -EINVAL with a sentence in *why. */
int spiffe_csr_read(struct spiffe_csr *csr, const uint8_t *der, size_t size, const char **why);
void spiffe_csr_free(struct spiffe_csr *csr);

/* Does it ask for exactly this DNS name? */
bool spiffe_csr_asks(const struct spiffe_csr *csr, const char *dns);

#endif
