/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may have which identity, and whom they trust: what the Workload API serves. A producer makes
 * a snapshot, seals it, and hands it over (workload_api.h); it never changes after that. All that
 * is added is copied. Of one thread; keys are wiped when the last reference goes.
 */
#ifndef AGENT_IDENTITY_H
#define AGENT_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define IDENTITIES_MAX 64u
#define BUNDLES_MAX    64u /* of each kind */
#define CRLS_MAX       64u
#define SPIFFE_ID_MAX  2048u /* SPIFFE-ID.md, section 2.3; without a NUL */
#define HINT_MAX       255u
/*
 * All bytes of a snapshot. A message repeats the bundle for each identity; one that gets larger
 * than MESSAGE_MAX (limits.h) is not sent: RESOURCE_EXHAUSTED.
 */
#define SNAPSHOT_MAX (1u << 20)

struct bytes {
	const uint8_t *data;
	size_t size;
};

struct identity {
	bool everyone; /* every uid has it; `uid` says nothing */
	uid_t uid;
	const char *spiffe_id;
	const char *hint; /* "" for none */
	struct bytes
		chain; /* certificates in DER, the SVID first; empty: the identity has JWTs only */
	struct bytes key; /* PKCS #8 in DER; with `chain` only */
};

/* Of a trust domain, "spiffe://NAME": certificates in DER one behind the other, or a JWK Set's
 * text. */
struct bundle {
	const char *domain;
	struct bytes content;
};

struct identities {
	size_t references;
	const char *own_domain;
	struct identity entries[IDENTITIES_MAX]; /* a caller's first is its default */
	size_t count;
	struct bundle x509[BUNDLES_MAX], jwt[BUNDLES_MAX]; /* by domain */
	size_t x509_count, jwt_count;
	struct bytes crls[CRLS_MAX];
	size_t crl_count;
	size_t size; /* bytes in all */
	bool sealed;
};

/* An empty snapshot, to be filled: one reference. NULL: no memory, or no trust domain ID. */
struct identities *identities_new(const char *own_domain);

/* 0, -ENOMEM, -EINVAL for what is malformed, -E2BIG for too much, -EEXIST for a domain's second
 * one. */
int identities_add(struct identities *ids, const struct identity *entry);
int identities_add_x509(struct identities *ids, const char *domain, struct bytes certificates);
int identities_add_jwt(struct identities *ids, const char *domain, struct bytes jwks);
int identities_add_crl(struct identities *ids, struct bytes crl);

/*
 * The snapshot is complete: 0, or -EINVAL and why. There has to be the X.509 bundle of the own
 * domain and of each identity's, and no caller may get two identities with one hint
 * (SPIFFE_Workload_API.md, section 5.2.1).
 */
int identities_seal(struct identities *ids, const char **why);

struct identities *identities_ref(struct identities *ids);
/* NULL is none. */
void identities_unref(struct identities *ids);

bool identity_is_for(const struct identity *entry, uid_t uid);
bool identities_any_for(const struct identities *ids, uid_t uid);
/* The X.509 bundle of a SPIFFE ID's domain. */
const struct bundle *identities_x509_of(const struct identities *ids, const char *spiffe_id);
/* How much of a SPIFFE ID is its trust domain's ID; 0: it is none. */
size_t trust_domain_size(const char *spiffe_id);

#endif
