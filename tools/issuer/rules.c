// SPDX-License-Identifier: Apache-2.0
// A set of rules never changes. The newest is held by its being the newest, each by who uses it.
#include "rules.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "../../issuer/keyring.h"
#include "../../issuer/policy.h"
#include "../../verify/socket.h"

struct set {
	struct issuer_terms terms; // first: what others have a pointer to
	struct cl_policy *judged_by;
	struct issuer_policy *policy;
	size_t holders;
};

// What a zone has got, and by which set.
struct granted {
	struct wire_grants grants; // first, as above
	struct set *set;
};

struct rules {
	struct issuer_authority authority; // first, as above
	const struct rules_source *source;
	struct set *current;
	pthread_mutex_t lock; // of current and of holders
};

static void free_set(struct set *s)
{
	if (!s)
		return;
	cl_verifier_free(s->terms.trust.verifier);
	cl_policy_free(s->judged_by);
	issuer_policy_free(s->policy);
	free(s);
}

static struct set *hold_current(struct rules *r)
{
	pthread_mutex_lock(&r->lock);
	struct set *s = r->current;
	s->holders++;
	pthread_mutex_unlock(&r->lock);
	return s;
}

static void release_set(struct rules *r, struct set *s)
{
	pthread_mutex_lock(&r->lock);
	bool last = !--s->holders;
	pthread_mutex_unlock(&r->lock);
	if (last)
		free_set(s);
}

static const struct issuer_terms *hold_terms(struct issuer_authority *authority)
{
	return &hold_current((struct rules *)authority)->terms;
}

static void release_terms(struct issuer_authority *authority, const struct issuer_terms *terms)
{
	// NOLINTNEXTLINE: all terms are the first member of a struct set, which is not const
	release_set((struct rules *)authority, (struct set *)(uintptr_t)terms);
}

static const struct wire_grants *hold(struct issuer_authority *authority,
				      const struct cl_verdict_result *zone)
{
	struct rules *r = (struct rules *)authority;
	struct set *s = hold_current(r);
	const struct wire_grants *found = issuer_policy_find(s->policy, zone->report.digest);
	struct granted *g = found ? malloc(sizeof(*g)) : NULL;

	if (!g) {
		release_set(r, s);
		return NULL;
	}
	*g = (struct granted){*found, s};
	return &g->grants;
}

static void release(struct issuer_authority *authority, const struct wire_grants *grants)
{
	// NOLINTNEXTLINE: all that were given out are the first member of a struct granted
	struct granted *g = (struct granted *)(uintptr_t)grants;

	release_set((struct rules *)authority, g->set);
	free(g);
}

static int check_policy(const struct rules_source *source, const struct issuer_policy *p,
			char error[CL_ERROR_SIZE])
{
	const char *domain = issuer_policy_trust_domain(p);
	uint32_t x509 = issuer_policy_x509_ttl(p), jwt = issuer_policy_jwt_ttl(p);
	uint32_t ttl = x509 > jwt ? x509 : jwt;

	if (strcmp(domain, source->domain) != 0)
		return clv_error(error, -EINVAL,
				 "%.200s: it is for the trust domain %.80s, and the keys are those "
				 "of %.80s",
				 source->policy, domain, source->domain);
	if (KEYRING_LIFE_MIN((uint64_t)ttl) > source->life)
		return clv_error(error, -EINVAL,
				 "%.200s: what lives %u seconds needs signing keys that live %llu "
				 "(--life), not %u",
				 source->policy, ttl,
				 (unsigned long long)KEYRING_LIFE_MIN((uint64_t)ttl), source->life);
	return 0;
}

static int fill_set(const struct rules_source *source, struct set *s, char error[CL_ERROR_SIZE])
{
	char why[CL_ERROR_SIZE];
	int rc = issuer_policy_load(source->policy, &s->policy, why);

	if (rc)
		return clv_error(error, rc, "%.200s: %s", source->policy, why);
	rc = check_policy(source, s->policy, error);
	if (rc)
		return rc;
	rc = cl_policy_load_file(source->verifier_policy, &s->judged_by, why)
		     ?: cl_verifier_create(s->judged_by, &s->terms.trust.verifier, why);
	if (rc)
		return clv_error(error, rc, "%.200s: %s; see `cloister policy --help`",
				 source->verifier_policy, why);
	s->terms.trust.least = source->least;
	s->terms.x509_ttl = issuer_policy_x509_ttl(s->policy);
	s->terms.jwt_ttl = issuer_policy_jwt_ttl(s->policy);
	return 0;
}

int rules_reload(struct rules *r, char error[CL_ERROR_SIZE])
{
	struct set *s = calloc(1, sizeof(*s));

	if (!s)
		return clv_error(error, -ENOMEM, "no memory");
	int rc = fill_set(r->source, s, error);
	if (rc) {
		free_set(s);
		return rc;
	}
	s->holders = 1;
	pthread_mutex_lock(&r->lock);
	struct set *old = r->current;
	r->current = s;
	pthread_mutex_unlock(&r->lock);
	if (old)
		release_set(r, old);
	return 0;
}

int rules_open(const struct rules_source *source, struct rules **rules, char error[CL_ERROR_SIZE])
{
	struct rules *r = calloc(1, sizeof(*r));

	*rules = NULL;
	if (!r)
		return clv_error(error, -ENOMEM, "no memory");
	r->authority = (struct issuer_authority){hold_terms, release_terms, hold, release};
	r->source = source;
	pthread_mutex_init(&r->lock, NULL);
	int rc = rules_reload(r, error);
	if (rc)
		rules_close(r);
	else
		*rules = r;
	return rc;
}

void rules_close(struct rules *r)
{
	if (!r)
		return;
	free_set(r->current);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct issuer_authority *rules_authority(struct rules *r)
{
	return &r->authority;
}

size_t rules_zones(const struct rules *r)
{
	return issuer_policy_zones(r->current->policy);
}
