// SPDX-License-Identifier: Apache-2.0
#include "worker.h"
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/rand.h>
#include "../../verify/socket.h"

#define NEVER	     INT64_MAX
#define SECOND_NS    INT64_C(1000000000)
#define SAY_AGAIN_NS (600 * SECOND_NS) // the same failure

struct queue {
	struct token_job *first, **last;
};

struct worker {
	const struct worker_plan *plan;
	const struct loop_waker *waker;
	pthread_t thread;

	pthread_mutex_t lock; // of these
	pthread_cond_t work;
	struct queue asked, done;
	struct identities *identities;
	bool changed, ending;

	// The thread's own. Times on CLOCK_MONOTONIC.
	struct channel channel;
	bool open;
	struct fetched current;
	int64_t due, expires;
	unsigned int failures;
	char said[CL_ERROR_SIZE]; // the failure
	int64_t said_at;
};

static void queue_init(struct queue *q)
{
	q->first = NULL;
	q->last = &q->first;
}

static void queue_add(struct queue *q, struct token_job *job)
{
	job->next = NULL;
	*q->last = job;
	q->last = &job->next;
}

static struct token_job *queue_take(struct queue *q)
{
	struct token_job *job = q->first;

	if (job && !(q->first = job->next))
		q->last = &q->first;
	return job;
}

__attribute__((format(printf, 2, 3))) static void say(const struct worker *w, const char *format,
						      ...)
{
	char line[CL_ERROR_SIZE + 128];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	w->plan->say(line);
}

// Not all zones of a node at the same time.
static int64_t jittered(int64_t seconds)
{
	uint8_t byte = 0;

	(void)RAND_bytes(&byte, 1);
	return seconds * SECOND_NS - seconds * SECOND_NS / 1024 * byte;
}

static void close_channel(struct worker *w)
{
	if (w->open)
		channel_close(&w->channel);
	w->open = false;
}

static int open_channel(struct worker *w, char error[CL_ERROR_SIZE])
{
	const struct channel_trust trust = {.keys = w->plan->issuer, .nr_keys = 1};
	struct clv_socket socket;

	close_channel(w);
	int rc = clv_connect(&socket, w->plan->host, w->plan->port, WORKER_OPEN_MS, error);
	if (rc) {
		char why[CL_ERROR_SIZE];
		memcpy(why, error, sizeof(why));
		return clv_error(error, rc, "the issuer at %s port %u: %.300s", w->plan->host,
				 w->plan->port, why);
	}
	rc = channel_open(&w->channel, socket, CHANNEL_INITIATOR, WIRE_PROTOCOL, &w->plan->self,
			  &trust, error);
	w->open = !rc;
	return rc;
}

static void hand_over(struct worker *w, struct identities *identities)
{
	pthread_mutex_lock(&w->lock);
	identities_unref(w->identities);
	w->identities = identities;
	w->changed = true;
	pthread_mutex_unlock(&w->lock);
	loop_wake(w->waker);
}

// begin: when the worker began to ask for it.
static void accept_new(struct worker *w, struct fetched *new, time_t now, int64_t begin)
{
	int64_t at = loop_now();
	int64_t wait = (new->refresh < new->renew ? new->refresh : new->renew) - now;

	fetched_free(&w->current);
	w->current = *new;
	w->due = at + jittered(wait > 1 ? wait : 1);
	// renew is half of the first certificate's time
	w->expires = new->nr_ids ? at + 2 * (new->renew - now) * SECOND_NS : NEVER;
	hand_over(w, new->identities);
	w->current.identities = NULL;
	if (w->failures || !w->said_at)
		say(w,
		    "identity: %zu identities and %zu files, proven and fetched in %lld ms; the "
		    "next "
		    "in %lld s",
		    w->current.nr_ids, w->current.nr_files, (long long)(at - begin) / 1000000,
		    (long long)wait);
	w->failures = 0;
	w->said[0] = '\0';
	w->said_at = at;
}

static void failed(struct worker *w, const char *error)
{
	int64_t at = loop_now(), wait = WORKER_RETRY_S;
	time_t now = time(NULL);
	struct tm tm;
	char clock[32];

	for (unsigned int i = 0; i < w->failures && wait < WORKER_RETRY_MAX_S; i++)
		wait *= 2;
	if (wait > WORKER_RETRY_MAX_S)
		wait = WORKER_RETRY_MAX_S;
	w->failures++;
	w->due = at + jittered(wait);
	if (!strcmp(w->said, error) && at - w->said_at < SAY_AGAIN_NS)
		return;
	strftime(clock, sizeof(clock), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	say(w, "identity: %s; trying again until it succeeds; the clock here says %s", error,
	    clock);
	snprintf(w->said, sizeof(w->said), "%s", error);
	w->said_at = at;
}

static int renew(struct worker *w, char error[CL_ERROR_SIZE])
{
	struct fetched new = {0};
	int64_t begin = loop_now();
	int rc = open_channel(w, error);
	time_t now = time(NULL);

	if (!rc)
		rc = fetch_all(&w->channel, &w->plan->users, now, &new, error);
	if (!rc)
		rc = w->plan->keep(w->plan->context, &new, error);
	if (rc) {
		fetched_free(&new);
		close_channel(w);
		failed(w, error);
		return rc;
	}
	accept_new(w, &new, now, begin);
	return 0;
}

static enum grpc_status status_of(int rc)
{
	return rc == -EACCES   ? GRPC_PERMISSION_DENIED
	       : rc == -EINVAL ? GRPC_INVALID_ARGUMENT
			       : GRPC_UNAVAILABLE;
}

static int fetch_one(struct worker *w, const struct token_job *job, size_t i,
		     char error[CL_ERROR_SIZE])
{
	for (size_t g = 0; g < w->current.nr_ids; g++)
		if (!strcmp(w->current.id[g], job->id[i]))
			return fetch_token(&w->channel, g, (const char *const *)job->audience,
					   job->nr_audiences, &job->token[i], error);
	return clv_error(error, -EACCES, "this zone has not %.300s any more", job->id[i]);
}

static void serve(struct worker *w, struct token_job *job)
{
	bool again = w->open; // it may have ended unnoticed
	int rc = 0;

	for (size_t i = 0; !rc && i < job->nr_ids; i++) {
		if (!w->open && w->failures && loop_now() < w->due)
			rc = clv_error(job->why, -EAGAIN, "%s", w->said);
		else if (!w->open)
			rc = renew(w, job->why);
		if (!rc)
			rc = fetch_one(w, job, i, job->why);
		if (!rc || rc == -EACCES || rc == -EINVAL || rc == -EAGAIN)
			continue;
		close_channel(w);
		if (again) {
			again = false;
			rc = 0;
			i--;
		}
	}
	job->status = rc ? status_of(rc) : GRPC_OK;
}

static void expire(struct worker *w)
{
	say(w, "identity: the certificates' time is over, and there are no new ones: %s",
	    w->said[0] ? w->said : "the issuer was not asked in time");
	w->expires = NEVER;
	hand_over(w, NULL);
}

// Something to do: a job, or NULL at the time that something is due, or at the end.
static struct token_job *wait_for_work(struct worker *w, bool *ending)
{
	int64_t until = w->due < w->expires ? w->due : w->expires;
	const struct timespec t = {.tv_sec = until / SECOND_NS, .tv_nsec = until % SECOND_NS};
	int rc = 0;

	pthread_mutex_lock(&w->lock);
	while (!rc && !w->ending && !w->asked.first)
		rc = pthread_cond_timedwait(&w->work, &w->lock, &t);
	struct token_job *job = queue_take(&w->asked);
	*ending = w->ending;
	pthread_mutex_unlock(&w->lock);
	return job;
}

static void *work(void *argument)
{
	struct worker *w = argument;
	char error[CL_ERROR_SIZE];
	bool ending = false;

	while (!ending) {
		struct token_job *job = wait_for_work(w, &ending);

		if (loop_now() >= w->expires)
			expire(w);
		if (!ending && loop_now() >= w->due)
			(void)renew(w, error);
		if (!job)
			continue;
		serve(w, job);
		pthread_mutex_lock(&w->lock);
		queue_add(&w->done, job);
		pthread_mutex_unlock(&w->lock);
		loop_wake(w->waker);
	}
	close_channel(w);
	return NULL;
}

static int start_thread(struct worker *w)
{
	pthread_condattr_t attributes;
	int rc = pthread_condattr_init(&attributes);

	if (rc)
		return rc;
	rc = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
		     ?: pthread_cond_init(&w->work, &attributes);
	pthread_condattr_destroy(&attributes);
	return rc ?: pthread_create(&w->thread, NULL, work, w);
}

struct worker *worker_start(const struct worker_plan *plan, const struct loop_waker *waker)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->plan = plan;
	w->waker = waker;
	w->expires = NEVER;
	queue_init(&w->asked);
	queue_init(&w->done);
	pthread_mutex_init(&w->lock, NULL);
	if (!start_thread(w))
		return w;
	free(w);
	return NULL;
}

void worker_ask(struct worker *w, struct token_job *job)
{
	pthread_mutex_lock(&w->lock);
	queue_add(&w->asked, job);
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
}

void worker_take(struct worker *w, struct worker_news *news)
{
	pthread_mutex_lock(&w->lock);
	*news = (struct worker_news){w->changed, w->identities, w->done.first};
	w->changed = false;
	w->identities = NULL;
	queue_init(&w->done);
	pthread_mutex_unlock(&w->lock);
}

void worker_end(struct worker *w)
{
	struct token_job *job;

	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	while ((job = queue_take(&w->asked)) || (job = queue_take(&w->done)))
		token_job_free(job);
	identities_unref(w->identities);
	fetched_free(&w->current);
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
