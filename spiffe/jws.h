/* SPDX-License-Identifier: Apache-2.0 */
/* The signatures that JWT-SVIDs may have (JWT-SVID.md, section 2.1; RFC 7518, sections 3.3-3.5). */
#ifndef SPIFFE_JWS_H
#define SPIFFE_JWS_H

#include <stdbool.h>
#include <stdint.h>
#include <openssl/evp.h>

#define SPIFFE_ES256_SIZE 64u
#define SPIFFE_SIG_MAX	  1024u /* bytes: RSA of 8192 bits */

struct spiffe_alg;

/* NULL if the standard does not list it. */
const struct spiffe_alg *spiffe_alg_find(const char *name);

/* Is this a key for it? Each algorithm has one kind of key, so that no token chooses another use.
 */
bool spiffe_alg_fits(const struct spiffe_alg *alg, const EVP_PKEY *key);

/* Is it the signature by a key that fits? false if OpenSSL fails, too. */
bool spiffe_jws_verify(const struct spiffe_alg *alg, EVP_PKEY *key, const char *text, size_t size,
		       const uint8_t *sig, size_t sig_size);

/* ES256: r ‖ s of 32 bytes each. 0, or -EIO if OpenSSL fails or the key is not of P-256. */
int spiffe_es256_sign(EVP_PKEY *key, const char *text, size_t size, uint8_t sig[SPIFFE_ES256_SIZE]);

#endif
