// SPDX-License-Identifier: Apache-2.0
// A change is made on a copy of the keys, written to the disk, made into what others hold, and only
// then takes the place of what was there.
#include "keyring.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include "../spiffe/key.h"
#include "../verify/socket.h"
#include "keyring_file.h"

#define SLACK 300u /* clocks may be that late */

struct held {
	struct authorities authorities; // first: what others have a pointer to
	size_t holders;
};

struct keyring {
	int dir;
	char domain[SPIFFE_DOMAIN_MAX + 1];
	uint32_t life;
	struct keyring_state state; // of the thread that ticks
	struct held *current;
	pthread_mutex_t lock; // of current and of holders
};

// A key's own life: the keyring may have been opened with another one since it was made.
static time_t life_of(const struct keyring_key *k)
{
	return k->until - k->made;
}

static time_t signs_from(const struct keyring_key *k)
{
	return k->made + life_of(k) / 6;
}

static time_t succeeded_at(const struct keyring_key *k)
{
	return k->made + life_of(k) / 2;
}

// The newest that everybody may know of by now, or else the oldest that is left.
size_t keyring_signing(const struct keyring_keys *keys, time_t now)
{
	for (size_t i = keys->count; i-- > 1;)
		if (signs_from(&keys->key[i]) <= now)
			return i;
	return 0;
}

static bool successor_due(const struct keyring_keys *keys, time_t now)
{
	return !keys->count || succeeded_at(&keys->key[keys->count - 1]) <= now;
}

static int make_key(struct keyring *k, struct keyring_keys *keys, bool x509, time_t now,
		    char error[CL_ERROR_SIZE])
{
	const struct spiffe_validity validity = {.now = now, .slack = SLACK, .lifetime = k->life};
	struct keyring_key *new = &keys->key[keys->count];
	const char *why = "OpenSSL fails";

	*new = (struct keyring_key){.key = spiffe_key_new(), .made = now, .until = now + k->life};
	int size = new->key &&x509
			   ? spiffe_ca_self(k->domain, new->key, &validity, &new->certificate, &why)
			   : 0;
	if (!new->key || size < 0) {
		keyring_key_free(new);
		return clv_error(error, -EIO, "no new key: %s", why);
	}
	new->certificate_size = (size_t)size;
	keys->count++;
	return 0;
}

static bool drop_expired(struct keyring_keys *keys, time_t now)
{
	size_t kept = 0, count = keys->count;

	for (size_t i = 0; i < count; i++)
		if (keys->key[i].until > now)
			keys->key[kept++] = keys->key[i];
		else
			keyring_key_free(&keys->key[i]);
	keys->count = kept;
	return kept != count;
}

// 1 if something changed, 0 if not, or a negative errno.
static int rotate(struct keyring *k, struct keyring_keys *keys, bool x509, time_t now,
		  char error[CL_ERROR_SIZE])
{
	int changed = drop_expired(keys, now);

	if (keys->count == KEYRING_KEYS_MAX || !successor_due(keys, now))
		return changed;
	return make_key(k, keys, x509, now, error) ?: 1;
}

static void free_held(struct held *h)
{
	if (!h)
		return;
	spiffe_ca_close(&h->authorities.ca);
	EVP_PKEY_free(h->authorities.jwt_key);
	spiffe_bundle_free(&h->authorities.bundle);
	free(h->authorities.jwks);
	free(h);
}

static uint32_t refresh_hint(const struct keyring_state *s)
{
	time_t life = s->x509.count ? life_of(&s->x509.key[s->x509.count - 1]) : 0;

	return (uint32_t)(life / 24) ?: 1;
}

int keyring_bundle(const struct keyring_state *s, const char *domain, time_t now,
		   struct spiffe_bundle *bundle, const char **why)
{
	char kid[SPIFFE_KID_SIZE];
	int rc = spiffe_bundle_init(bundle, domain, why);

	for (size_t i = 0; !rc && i < s->x509.count; i++)
		if (s->x509.key[i].until > now)
			rc = spiffe_bundle_add_x509(bundle, s->x509.key[i].certificate,
						    s->x509.key[i].certificate_size, why);
	for (size_t i = 0; !rc && i < s->jwt.count; i++) {
		const struct keyring_key *key = &s->jwt.key[i];
		if (key->until <= now)
			continue;
		rc = spiffe_key_kid(key->key, kid);
		if (!rc)
			rc = spiffe_bundle_add_jwt(bundle, kid, key->key, key->until, why);
	}
	bundle->sequence = s->sequence;
	bundle->refresh_hint = refresh_hint(s);
	return rc;
}

static int fill(const struct keyring *k, const struct keyring_state *s, time_t now,
		struct authorities *a, const char **why)
{
	const struct keyring_key *x509 = &s->x509.key[keyring_signing(&s->x509, now)];
	const struct keyring_key *jwt = &s->jwt.key[keyring_signing(&s->jwt, now)];
	char kid[SPIFFE_KID_SIZE];
	int rc = spiffe_ca_open(&a->ca, x509->key, x509->certificate, x509->certificate_size, why);

	if (!rc)
		rc = spiffe_key_kid(jwt->key, kid);
	if (!rc)
		rc = keyring_bundle(s, k->domain, now, &a->bundle, why);
	if (rc)
		return rc;
	memcpy(a->kid, kid, sizeof(kid));
	EVP_PKEY_up_ref(jwt->key);
	a->jwt_key = jwt->key;
	a->jwt_until = jwt->until;
	a->jwks = spiffe_bundle_write(&a->bundle);
	a->jwks_size = a->jwks ? strlen(a->jwks) : 0;
	return a->jwks ? 0 : -ENOMEM;
}

static int publish(struct keyring *k, const struct keyring_state *s, time_t now,
		   char error[CL_ERROR_SIZE])
{
	struct held *h = calloc(1, sizeof(*h));
	const char *why = "no memory";
	int rc = h ? fill(k, s, now, &h->authorities, &why) : -ENOMEM;

	if (rc) {
		free_held(h);
		return clv_error(error, rc, "the keys cannot be used: %s", why);
	}
	h->holders = 1;
	pthread_mutex_lock(&k->lock);
	struct held *old = k->current;
	k->current = h;
	pthread_mutex_unlock(&k->lock);
	if (old)
		keyring_release(k, &old->authorities);
	return 0;
}

// The first of all that will be due.
static time_t next_due(const struct keyring_keys *keys, time_t now, time_t best)
{
	for (size_t i = 0; i < keys->count; i++) {
		const time_t due[] = {signs_from(&keys->key[i]), succeeded_at(&keys->key[i]),
				      keys->key[i].until};
		for (size_t j = 0; j < sizeof(due) / sizeof(due[0]); j++)
			if (due[j] > now && due[j] < best)
				best = due[j];
	}
	return best;
}

int64_t keyring_tick(struct keyring *k, time_t now, char error[CL_ERROR_SIZE])
{
	struct keyring_state next;

	keyring_state_copy(&next, &k->state);
	int x509 = rotate(k, &next.x509, true, now, error);
	int jwt = x509 < 0 ? x509 : rotate(k, &next.jwt, false, now, error);
	int rc = jwt < 0 ? jwt : 0;
	if (!rc && (x509 || jwt)) {
		next.sequence++;
		rc = keyring_state_write(&next, k->dir, k->domain, error);
	}
	if (!rc)
		rc = publish(k, &next, now, error);
	if (rc) {
		keyring_state_free(&next);
		return rc;
	}
	keyring_state_free(&k->state);
	k->state = next;
	return next_due(&k->state.x509, now, next_due(&k->state.jwt, now, now + k->life));
}

int keyring_open(int dir, const char *domain, uint32_t life, time_t now, struct keyring **keyring,
		 char error[CL_ERROR_SIZE])
{
	struct keyring *k = calloc(1, sizeof(*k));
	const char *why = "";

	*keyring = NULL;
	if (!k)
		return clv_error(error, -ENOMEM, "no memory");
	k->dir = dir;
	k->life = life;
	pthread_mutex_init(&k->lock, NULL);
	int rc = spiffe_domain_check(domain, strlen(domain), &why);
	if (rc) {
		clv_error(error, rc, "%s", why);
	} else {
		memcpy(k->domain, domain, strlen(domain) + 1);
		rc = keyring_state_read(&k->state, dir, domain, error);
	}
	if (!rc) {
		int64_t due = keyring_tick(k, now, error);
		rc = due < 0 ? (int)due : 0;
	}
	if (rc)
		keyring_close(k);
	else
		*keyring = k;
	return rc;
}

void keyring_close(struct keyring *k)
{
	if (!k)
		return;
	if (k->current)
		keyring_release(k, &k->current->authorities);
	keyring_state_free(&k->state);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

const struct authorities *keyring_hold(struct keyring *k)
{
	pthread_mutex_lock(&k->lock);
	struct held *h = k->current;
	h->holders++;
	pthread_mutex_unlock(&k->lock);
	return &h->authorities;
}

void keyring_release(struct keyring *k, const struct authorities *authorities)
{
	// NOLINTNEXTLINE: every one is the first member of a struct held, which is not const
	struct held *h = (struct held *)(uintptr_t)authorities;

	pthread_mutex_lock(&k->lock);
	bool last = !--h->holders;
	pthread_mutex_unlock(&k->lock);
	if (last)
		free_held(h);
}

uint32_t keyring_refresh_hint(const struct keyring *k)
{
	return refresh_hint(&k->state);
}
