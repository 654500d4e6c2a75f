/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust bundles (SPIFFE_Trust_Domain_and_Bundle.md): the keys that speak for a trust domain, as a
 * JWK Set, as DER and as what checks SVIDs. Zeroed but for its domain, one is empty: it trusts
 * nobody. All times are seconds since 1970.
 */
#ifndef SPIFFE_BUNDLE_H
#define SPIFFE_BUNDLE_H

#include <stdint.h>
#include <time.h>
#include <openssl/x509.h>
#include "id.h"

#define SPIFFE_BUNDLE_JSON_MAX 262144u /* bytes */
#define SPIFFE_BUNDLE_X509_MAX 32u     /* certificates */
#define SPIFFE_BUNDLE_JWT_MAX  32u     /* keys */
#define SPIFFE_KID_MAX	       255u

struct spiffe_jwt_authority {
	char kid[SPIFFE_KID_MAX + 1];
	EVP_PKEY *key;
	time_t not_after; /* 0: not known; a JWK Set does not say it */
};

struct spiffe_bundle {
	char domain[SPIFFE_DOMAIN_MAX + 1];
	int64_t sequence;     /* never negative; 0 if there was none */
	int64_t refresh_hint; /* seconds; 0 if there was none */
	X509 *x509[SPIFFE_BUNDLE_X509_MAX];
	size_t nr_x509;
	struct spiffe_jwt_authority jwt[SPIFFE_BUNDLE_JWT_MAX];
	size_t nr_jwt;
	size_t ignored; /* entries of the document that were read that are of no use here */
};

/* An empty one. -EINVAL with a sentence in *why if that is no trust domain's name. */
int spiffe_bundle_init(struct spiffe_bundle *bundle, const char *domain, const char **why);
void spiffe_bundle_free(struct spiffe_bundle *bundle);

/*
 * A JWK Set, which does not say whose it is. An entry is ignored if its kty or use is missing or
 * unknown (section 4.2), an x509-svid without x5c (X509-SVID.md, section 6.2) or whose first
 * certificate is no signing certificate of the entry's key, a jwt-svid without kid, and any whose
 * key cannot be read (RFC 7517, section 5). The document is refused if it is no JWK Set, has a
 * member twice, spiffe_sequence or spiffe_refresh_hint is no integer of 0 or more, one kid has two
 * keys, or there is more than fits. What *bundle was before does not matter. 0; -EINVAL or -ENOMEM
 * with a sentence in *why, and *bundle is then empty.
 */
int spiffe_bundle_read(struct spiffe_bundle *bundle, const char *domain, const char *json,
		       size_t size, const char **why);

/* The same of a plain JWK Set, as spiffe_bundle_write_jwt() makes it: all keys are for JWTs. */
int spiffe_bundle_read_jwt(struct spiffe_bundle *bundle, const char *domain, const char *json,
			   size_t size, const char **why);

/* The document. For free(3); NULL if there is no memory. */
char *spiffe_bundle_write(const struct spiffe_bundle *bundle);

/*
 * The keys for JWTs alone, as FetchJWTBundles has them: a plain JWK Set, without what only a SPIFFE
 * bundle has (use, sequence, refresh hint). For free(3); NULL if there is no memory.
 */
char *spiffe_bundle_write_jwt(const struct spiffe_bundle *bundle);

/*
 * The certificates' DER one after the other, as X.509 bundles of the Workload API have it: the
 * size, 0 with *der NULL if there are none, or -ENOMEM. For OPENSSL_free().
 */
int spiffe_bundle_der(const struct spiffe_bundle *bundle, uint8_t **der);

/*
 * Rotation. Each raises the sequence number if it changes anything. A second time the same is no
 * error. 0; -EINVAL with a sentence in *why; -ENOSPC; -EEXIST if another key has that kid.
 */
int spiffe_bundle_add_x509(struct spiffe_bundle *bundle, const uint8_t *der, size_t size,
			   const char **why);
int spiffe_bundle_add_jwt(struct spiffe_bundle *bundle, const char *kid, EVP_PKEY *key,
			  time_t not_after, const char **why);
/* Drop the authorities whose time is over. How many there were. */
size_t spiffe_bundle_expire(struct spiffe_bundle *bundle, time_t now);

/* What a validator has: of each trust domain one bundle. */
struct spiffe_bundles {
	const struct spiffe_bundle *const *list;
	size_t count;
};

/* The one of the ID's trust domain, and no other may be used (section 3); NULL if there is none. */
const struct spiffe_bundle *spiffe_bundle_of(const struct spiffe_bundles *bundles,
					     const struct spiffe_id *id);

#endif
