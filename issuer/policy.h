/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The issuer's policy as a file (share/schema/issuer-policy.schema.json): launch digests, and for
 * each the SPIFFE IDs and files that such a zone gets. What is unknown, twice there or malformed is
 * refused.
 */
#ifndef ISSUER_POLICY_H
#define ISSUER_POLICY_H

#include "authority.h"

#define ISSUER_POLICY_MAX (1u << 20) /* the file, in bytes */
#define ISSUER_ZONES_MAX  1024u
#define ISSUER_FILE_MAX	  (256u << 10) /* each file that zones get, in bytes */

struct issuer_policy;

/*
 * 0; or -EINVAL, -ENOMEM or an errno of reading with the sentence. Paths in it are below the
 * directory that the policy is in. -> issuer_policy_free().
 */
int issuer_policy_load(const char *path, struct issuer_policy **policy, char error[CL_ERROR_SIZE]);
void issuer_policy_free(struct issuer_policy *policy); /* NULL: nothing */

const char *issuer_policy_trust_domain(const struct issuer_policy *policy);
/* Seconds. */
uint32_t issuer_policy_x509_ttl(const struct issuer_policy *policy);
uint32_t issuer_policy_jwt_ttl(const struct issuer_policy *policy);
size_t issuer_policy_zones(const struct issuer_policy *policy);

/* What a zone with this launch digest gets, or NULL. */
const struct wire_grants *issuer_policy_find(const struct issuer_policy *policy,
					     const uint8_t digest[CL_DIGEST_SIZE]);

#endif
