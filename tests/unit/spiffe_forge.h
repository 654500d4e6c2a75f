/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, requests and tokens that spiffe/ would not make, by OpenSSL; for tests. */
#ifndef UNIT_SPIFFE_FORGE_H
#define UNIT_SPIFFE_FORGE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <openssl/x509.h>

#define FORGE_NOW    ((time_t)1800000000)
#define FORGE_HOUR   3600
#define FORGE_DOMAIN "example.org"

struct forged {
	EVP_PKEY *key;
	X509 *cert;
};

/* As OpenSSL's configuration has them. NULL: as a good leaf or authority has it; "": not at all. */
struct forge_rules {
	const char *subject; /* CN */
	const char *san, *constraints, *usage, *eku;
	const char *other; /* OID=value, one extension more */
	time_t from, to;   /* 0: an hour before, and after */
	bool version_1;
	bool damage;	    /* one bit of its signature */
	const char *digest; /* NULL: SHA256 */
};

/* P-256, P-384, P-521, RSA, RSA-1024, ED25519 */
EVP_PKEY *forge_key(const char *kind);
/* issuer NULL: self-signed. The key is not taken over. */
X509 *forge_leaf(EVP_PKEY *key, const struct forged *issuer, const struct forge_rules *rules);
X509 *forge_authority(EVP_PKEY *key, const struct forged *issuer, const struct forge_rules *rules);
/* With a new P-256 key. */
struct forged forge_ca(const struct forged *issuer, const struct forge_rules *rules);
void forged_free(struct forged *forged);

/* Appends its DER; what there is now. The X509 is freed. */
size_t forge_append(uint8_t *to, size_t size, size_t max, X509 *cert);

/* A request's DER, of version 1 (which is 0) or another. san NULL: none. */
size_t forge_csr(EVP_PKEY *key, const char *san, const char *digest, uint8_t *to, size_t max);
size_t forge_csr_of(long version, EVP_PKEY *key, const char *san, const char *digest, uint8_t *to,
		    size_t max);

/*
 * header.claims.signature, for free(3). alg is what signs, whatever the header says: one of
 * JWT-SVID's, "none", "HS256", for which the key's PEM is the secret, "DS256": ECDSA in DER, or
 * "XS256": PSS with a salt of another size than the digest's.
 */
char *forge_jwt(const char *header, const char *claims, const char *alg, EVP_PKEY *key);

#endif
