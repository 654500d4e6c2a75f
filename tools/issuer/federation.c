// SPDX-License-Identifier: Apache-2.0
// A bundle never changes, nor does a set of them. A new bundle makes a new set, which shares the
// others with the old one; who holds a set holds its bundles.
#include "federation.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include "../../verify/socket.h"
#include "../cloister/cleanup.h"
#include "../cloister/message.h"
#include "fetch.h"
#include "foreign_file.h"

struct shared {
	struct spiffe_bundle bundle;
	size_t holders; // sets
};

struct set {
	struct spiffe_bundles bundles; // first: what others have a pointer to
	const struct spiffe_bundle *list[FEDERATION_MAX];
	struct shared *of[FEDERATION_MAX]; // by relation; NULL: not known
	size_t holders;
};

struct poller {
	struct federation *federation;
	const struct relation *relation;
	size_t number; // of the relation
	pthread_t thread;
};

struct federation {
	struct issuer_foreign foreign; // first, as above
	int dir;
	size_t share; // bytes of a bundle that an answer has room for
	struct poller poller[FEDERATION_MAX];
	size_t count, running;
	pthread_mutex_t saving; // the file
	pthread_mutex_t lock;	// of the rest
	pthread_cond_t wake;
	unsigned int hurry; // how often it was said
	bool ending;
	struct set *current;
};

static void free_set(struct set *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < FEDERATION_MAX; i++)
		if (s->of[i] && !--s->of[i]->holders) {
			spiffe_bundle_free(&s->of[i]->bundle);
			free(s->of[i]);
		}
	free(s);
}

static struct set *hold_set(struct federation *f)
{
	pthread_mutex_lock(&f->lock);
	struct set *s = f->current;
	s->holders++;
	pthread_mutex_unlock(&f->lock);
	return s;
}

static void release_set(struct federation *f, struct set *s)
{
	pthread_mutex_lock(&f->lock);
	if (!--s->holders)
		free_set(s);
	pthread_mutex_unlock(&f->lock);
}

static const struct spiffe_bundles *hold(struct issuer_foreign *foreign)
{
	return &hold_set((struct federation *)foreign)->bundles;
}

static void release(struct issuer_foreign *foreign, const struct spiffe_bundles *bundles)
{
	// NOLINTNEXTLINE: all that were given out are the first member of a struct set
	release_set((struct federation *)foreign, (struct set *)(uintptr_t)bundles);
}

// Takes `bundle` over as that of relation `i`, on the disk and for everybody.
static int replace(struct federation *f, size_t i, const struct spiffe_bundle *bundle)
{
	struct set *new = calloc(1, sizeof(*new));
	struct shared *shared = malloc(sizeof(*shared));

	if (!new || !shared) {
		free(new);
		free(shared);
		return -ENOMEM;
	}
	*shared = (struct shared){.bundle = *bundle};
	pthread_mutex_lock(&f->lock);
	struct set *old = f->current;
	if (old)
		memcpy(new->of, old->of, sizeof(new->of));
	new->of[i] = shared;
	new->holders = 1;
	for (size_t n = 0; n < FEDERATION_MAX; n++)
		if (new->of[n]) {
			new->of[n]->holders++;
			new->list[new->bundles.count++] = &new->of[n]->bundle;
		}
	new->bundles.list = new->list;
	f->current = new;
	if (old && !--old->holders)
		free_set(old);
	pthread_mutex_unlock(&f->lock);
	return 0;
}

static void save(struct federation *f)
{
	char error[CL_ERROR_SIZE];

	pthread_mutex_lock(&f->saving);
	struct set *s = hold_set(f);
	if (foreign_file_write(f->dir, &s->bundles, error))
		note("federation: %s; it is lost with this process", error);
	release_set(f, s);
	pthread_mutex_unlock(&f->saving);
}

static int check_size(const struct federation *f, const struct spiffe_bundle *bundle,
		      char error[CL_ERROR_SIZE])
{
	cleanup_free char *text = spiffe_bundle_write(bundle);

	if (!text)
		return clv_error(error, -ENOMEM, "no memory");
	if (strlen(text) <= f->share)
		return 0;
	return clv_error(error, -EFBIG,
			 "the bundle has %zu bytes, and zones can be given %zu of it", strlen(text),
			 f->share);
}

static bool equal(const struct spiffe_bundle *a, const struct spiffe_bundle *b)
{
	cleanup_free char *one = spiffe_bundle_write(a), *other = spiffe_bundle_write(b);

	return one && other && strcmp(one, other) == 0;
}

// Takes the bundle over if it is 0.
static int take_bundle(struct poller *p, struct spiffe_bundle *bundle, char error[CL_ERROR_SIZE])
{
	struct federation *f = p->federation;
	const char *domain = p->relation->domain;
	int rc = check_size(f, bundle, error);
	struct set *s = hold_set(f);
	const struct shared *old = s->of[p->number];
	bool same = old && equal(&old->bundle, bundle);
	int64_t before = old ? old->bundle.sequence : 0;

	release_set(f, s);
	if (rc)
		return rc;
	if (same) {
		spiffe_bundle_free(bundle);
		return 0;
	}
	if (bundle->sequence < before)
		note("federation: %s: the sequence number goes back, from %lld to %lld", domain,
		     (long long)before, (long long)bundle->sequence);
	note("federation: %s: a new bundle, sequence number %lld: %zu X.509 and %zu JWT keys%s",
	     domain, (long long)bundle->sequence, bundle->nr_x509, bundle->nr_jwt,
	     bundle->nr_x509 + bundle->nr_jwt ? "" : "; nobody there is believed any more");
	if (replace(f, p->number, bundle))
		return clv_error(error, -ENOMEM, "no memory");
	save(f);
	return 0;
}

// By what the endpoint is judged: the newest bundle of its trust domain that there is. One that no
// relation fetches is read anew each time, so that it can be replaced.
static int fetch(struct poller *p, char *body, char error[CL_ERROR_SIZE])
{
	const struct relation *r = p->relation;
	struct federation *f = p->federation;
	struct spiffe_bundle given = {.nr_x509 = 0};
	const struct spiffe_bundle *list[] = {&given};
	const struct spiffe_bundles from_file = {list, 1};
	struct set *s = hold_set(f);
	bool needed = r->spiffe && !spiffe_bundle_of(&s->bundles, &r->endpoint);
	int rc = 0;

	if (needed) {
		char domain[SPIFFE_DOMAIN_MAX + 1] = "";
		memcpy(domain, r->endpoint.text + strlen(SPIFFE_SCHEME), r->endpoint.domain_size);
		rc = foreign_bundle_read(r->bundle_file, domain, &given, error);
	}
	if (!rc)
		rc = fetch_bundle(r, needed ? &from_file : &s->bundles, body, f->share, error);
	release_set(f, s);
	spiffe_bundle_free(&given);
	return rc;
}

static int fetch_new(struct poller *p, struct spiffe_bundle *bundle, char error[CL_ERROR_SIZE])
{
	char *body = malloc(p->federation->share);
	const char *why = "";

	if (!body)
		return clv_error(error, -ENOMEM, "no memory");
	int n = fetch(p, body, error);
	int rc = n < 0 ? n : spiffe_bundle_read(bundle, p->relation->domain, body, (size_t)n, &why);
	free(body);
	return n >= 0 && rc ? clv_error(error, rc, "%s", why) : rc;
}

// 0 with the seconds that its publisher wants until the next time.
static int refresh(struct poller *p, int64_t *wait, char error[CL_ERROR_SIZE])
{
	struct spiffe_bundle bundle = {.nr_x509 = 0};
	int rc = fetch_new(p, &bundle, error);

	if (rc)
		return rc;
	int64_t hint = bundle.refresh_hint ?: FEDERATION_HINT;
	*wait = hint < FEDERATION_MIN	     ? FEDERATION_MIN
		: hint > FEDERATION_MAX_WAIT ? FEDERATION_MAX_WAIT
					     : hint;
	rc = take_bundle(p, &bundle, error);
	if (rc)
		spiffe_bundle_free(&bundle);
	return rc;
}

// Up to a quarter more, so that all who have met with one error do not come back at one time.
static int64_t jitter(int64_t seconds)
{
	uint32_t random = 0;

	RAND_bytes((unsigned char *)&random, sizeof(random));
	return seconds + random % (seconds / 4 + 1);
}

// Until then, or until it is to hurry; false: this is the end.
static bool wait_for(struct federation *f, int64_t seconds, unsigned int *hurry)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	pthread_mutex_lock(&f->lock);
	while (!f->ending && f->hurry == *hurry && !rc)
		rc = pthread_cond_timedwait(&f->wake, &f->lock, &until);
	*hurry = f->hurry;
	bool go_on = !f->ending;
	pthread_mutex_unlock(&f->lock);
	return go_on;
}

static void *poll_endpoint(void *argument)
{
	struct poller *p = argument;
	int64_t retry = FEDERATION_RETRY, wait = 0;
	unsigned int hurry = 0;
	bool answers = false;
	char error[CL_ERROR_SIZE];

	while (wait_for(p->federation, wait, &hurry)) {
		if (!refresh(p, &wait, error)) {
			if (!answers)
				note("federation: %s: the endpoint answers", p->relation->domain);
			answers = true;
			retry = FEDERATION_RETRY;
			continue;
		}
		answers = false;
		wait = jitter(retry);
		note("federation: %s: %s; trying again in %lld seconds", p->relation->domain, error,
		     (long long)wait);
		retry = retry * 2 > FEDERATION_RETRY_MAX ? FEDERATION_RETRY_MAX : retry * 2;
	}
	OPENSSL_thread_stop();
	return NULL;
}

// What is known of this trust domain before it was asked: the newer one, where there are two.
static int begin(struct federation *f, size_t i, char error[CL_ERROR_SIZE])
{
	const struct relation *r = f->poller[i].relation;
	bool given = r->spiffe && r->self_serving;
	struct spiffe_bundle kept, file;
	int rc = foreign_file_read(f->dir, r->domain, &kept, error);

	if (rc && rc != -ENOENT)
		return rc;
	bool have = !rc;
	if (have && check_size(f, &kept, error)) {
		// There may have been fewer relations then.
		note("federation: %s: %s; what was kept is dropped", r->domain, error);
		spiffe_bundle_free(&kept);
		have = false;
	}
	rc = given ? foreign_bundle_read(r->bundle_file, r->domain, &file, error) : 0;
	if (rc) {
		if (have)
			spiffe_bundle_free(&kept);
		return rc;
	}
	if (!have && !given)
		return 0;
	bool take_file = given && (!have || file.sequence > kept.sequence);
	if (given && have)
		spiffe_bundle_free(take_file ? &kept : &file);
	struct spiffe_bundle *taken = take_file ? &file : &kept;
	note("federation: %s: begins with the bundle in %s, sequence number %lld", r->domain,
	     take_file ? r->bundle_file : FOREIGN_FILE, (long long)taken->sequence);
	rc = check_size(f, taken, error);
	if (!rc && replace(f, i, taken))
		rc = clv_error(error, -ENOMEM, "no memory");
	if (rc)
		spiffe_bundle_free(taken);
	return rc;
}

static int start_threads(struct federation *f, char error[CL_ERROR_SIZE])
{
	while (f->running < f->count) {
		struct poller *p = &f->poller[f->running];
		int rc = -pthread_create(&p->thread, NULL, poll_endpoint, p);
		if (rc)
			return clv_error(error, rc, "no thread: %s", strerror(-rc));
		f->running++;
	}
	return 0;
}

static void prepare(struct federation *f, const struct relation *relations, size_t count, int dir)
{
	pthread_condattr_t attributes;

	f->foreign = (struct issuer_foreign){hold, release};
	f->dir = dir;
	f->count = count;
	f->share = (WIRE_ANSWER_MAX - FEDERATION_OWN_BYTES) / count - 2 * (size_t)SPIFFE_DOMAIN_MAX;
	if (f->share > SPIFFE_BUNDLE_JSON_MAX)
		f->share = SPIFFE_BUNDLE_JSON_MAX;
	for (size_t i = 0; i < count; i++)
		f->poller[i] = (struct poller){f, &relations[i], i, 0};
	pthread_mutex_init(&f->saving, NULL);
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&f->wake, &attributes);
	pthread_condattr_destroy(&attributes);
}

int federation_start(const struct relation *relations, size_t count, int dir,
		     struct federation **federation, char error[CL_ERROR_SIZE])
{
	struct federation *f = calloc(1, sizeof(*f));
	int rc = 0;

	*federation = NULL;
	if (!f)
		return clv_error(error, -ENOMEM, "no memory");
	prepare(f, relations, count, dir);
	f->current = calloc(1, sizeof(*f->current));
	if (!f->current)
		rc = clv_error(error, -ENOMEM, "no memory");
	else
		f->current->holders = 1;
	for (size_t i = 0; !rc && i < count; i++)
		rc = begin(f, i, error);
	if (!rc)
		rc = start_threads(f, error);
	if (rc)
		federation_stop(f);
	else
		*federation = f;
	return rc;
}

void federation_stop(struct federation *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->ending = true;
	pthread_cond_broadcast(&f->wake);
	pthread_mutex_unlock(&f->lock);
	for (size_t i = 0; i < f->running; i++)
		pthread_join(f->poller[i].thread, NULL);
	free_set(f->current);
	pthread_cond_destroy(&f->wake);
	pthread_mutex_destroy(&f->lock);
	pthread_mutex_destroy(&f->saving);
	free(f);
}

struct issuer_foreign *federation_foreign(struct federation *f)
{
	return &f->foreign;
}

void federation_hurry(struct federation *f)
{
	pthread_mutex_lock(&f->lock);
	f->hurry++;
	pthread_cond_broadcast(&f->wake);
	pthread_mutex_unlock(&f->lock);
}
