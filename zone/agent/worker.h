/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that talks to the issuer: it fetches what the zone is given, again in time, and the
 * tokens that users wait for. The loop's thread gets all of it from worker_take().
 *
 * What is renewed is proven anew: each time on a new channel. While the issuer cannot be reached,
 * or refuses, the worker tries again, at first after a second, later once a minute; what was
 * fetched holds until its first certificate's time is over, and then nothing does. Durations are
 * counted on CLOCK_MONOTONIC: a zone's clock may be set.
 */
#ifndef ZONE_AGENT_WORKER_H
#define ZONE_AGENT_WORKER_H

#include "../../agent/loop.h"
#include "fetch.h"
#include "token.h"

#define WORKER_OPEN_MS	   30000u /* to connect, and from there to both proofs */
#define WORKER_RETRY_S	   1	  /* doubled with each failure */
#define WORKER_RETRY_MAX_S 60

/* Borrowed; must outlive the worker. */
struct worker_plan {
	const char *host; /* the issuer's */
	uint16_t port;
	const uint8_t (*issuer)[CL_REPORT_SPKI_SIZE]; /* its key, and nobody else's */
	struct channel_self self;
	struct fetch_users users;
	/*
	 * What was fetched, on the worker's thread, before anybody gets it. 0, or a negative errno
	 * with the sentence: then nobody does.
	 */
	int (*keep)(void *context, const struct fetched *fetched, char error[CL_ERROR_SIZE]);
	void *context;
	/* One line for people, from the worker's thread. */
	void (*say)(const char *line);
};

struct worker_news {
	bool changed;
	struct identities *identities; /* changed: what holds now, a reference; NULL: nothing */
	struct token_job *done;	       /* in the order in which they were asked for */
};

struct worker;

/* NULL: no memory or no thread. The waker is woken when there is news. */
struct worker *worker_start(const struct worker_plan *plan, const struct loop_waker *waker);
/* The job comes back as news. */
void worker_ask(struct worker *worker, struct token_job *job);
void worker_take(struct worker *worker, struct worker_news *news);
/* Waits for what it is doing. Jobs that nobody took are freed. */
void worker_end(struct worker *worker);

#endif
