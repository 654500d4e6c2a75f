/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SPIFFE IDs and the names of trust domains (SPIFFE-ID.md, section 2). An ID has one spelling here:
 * section 2.4 calls scheme and trust domain case-insensitive, section 2.1 wants the trust domain in
 * lower case, and what is not in lower case is refused, so that equal IDs are equal bytes.
 */
#ifndef SPIFFE_ID_H
#define SPIFFE_ID_H

#include <stdbool.h>
#include <stddef.h>

#define SPIFFE_ID_MAX	  2048u /* bytes, with the scheme (section 2.3) */
#define SPIFFE_DOMAIN_MAX 255u
#define SPIFFE_SCHEME	  "spiffe://"

struct spiffe_id {
	size_t size;		      /* of text, without its NUL */
	size_t domain_size;	      /* of the trust domain's name, which follows the scheme */
	char text[SPIFFE_ID_MAX + 1]; /* spiffe://DOMAIN or spiffe://DOMAIN/PATH */
};

/* A trust domain's name, which is the ID's authority. 0, or -EINVAL with a sentence in *why. */
int spiffe_domain_check(const char *name, size_t size, const char **why);

/* text needs no NUL. 0, or -EINVAL with a sentence in *why; *id is then not to be used. */
int spiffe_id_parse(struct spiffe_id *id, const char *text, size_t size, const char **why);

/* The ID of a path in a trust domain; "" for the trust domain's own. As spiffe_id_parse(). */
int spiffe_id_make(struct spiffe_id *id, const char *domain, const char *path, const char **why);

/* With its leading slash; "" for a trust domain's own ID. */
const char *spiffe_id_path(const struct spiffe_id *id);

/* Is it a trust domain's own ID, with no path: that of an authority, not of a workload? */
bool spiffe_id_is_domain(const struct spiffe_id *id);

bool spiffe_id_equal(const struct spiffe_id *a, const struct spiffe_id *b);

/* Does it lie in the trust domain of this name? The trust domain's own ID does. */
bool spiffe_id_in(const struct spiffe_id *id, const char *domain);

#endif
