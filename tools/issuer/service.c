// SPDX-License-Identifier: Apache-2.0
// The main thread waits for signals and changes keys; zones are served by another.
#include "service.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "../cloister/message.h"

#define LOOK_SECONDS  60 // clocks are set: nobody sleeps longer than this
#define RETRY_SECONDS 60

struct serving {
	const struct service *service;
	int stop;
	int rc;
};

static void steering(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
}

int service_signals(void)
{
	sigset_t set;

	steering(&set);
	return pthread_sigmask(SIG_BLOCK, &set, NULL) || signal(SIGPIPE, SIG_IGN) == SIG_ERR
		       ? -EINVAL
		       : 0;
}

static void *serve_zones(void *argument)
{
	struct serving *s = argument;

	s->rc = issuer_serve(&s->service->issuer, s->service->listener, s->stop);
	// Whyever it has ended: so does everything else.
	kill(getpid(), SIGTERM);
	return NULL;
}

static void reload(struct service *s)
{
	char error[CL_ERROR_SIZE];

	if (rules_reload(s->rules, error))
		note("SIGHUP: %s; the old policies stay", error);
	else
		note("SIGHUP: policies read: %zu launch digests have grants; channels that are "
		     "open keep theirs",
		     rules_zones(s->rules));
	if (s->credential && credential_reload(s->credential, error))
		note("SIGHUP: %s; the old certificate stays", error);
	if (s->federation)
		federation_hurry(s->federation);
}

static int64_t sequence(struct keyring *keyring)
{
	const struct authorities *a = keyring_hold(keyring);
	int64_t n = a->bundle.sequence;

	keyring_release(keyring, a);
	return n;
}

// When to look again.
static int64_t tend_keys(struct keyring *keyring, time_t now)
{
	char error[CL_ERROR_SIZE];
	int64_t before = sequence(keyring), due = keyring_tick(keyring, now, error);

	if (due < 0) {
		note("keys: %s; trying again in %d seconds", error, RETRY_SECONDS);
		return now + RETRY_SECONDS;
	}
	if (sequence(keyring) != before)
		note("keys: changed; the bundle has sequence number %lld",
		     (long long)sequence(keyring));
	return due;
}

static void steer(struct service *s)
{
	int64_t due = tend_keys(s->issuer.keyring, time(NULL));
	sigset_t set;

	steering(&set);
	for (;;) {
		int64_t left = due - time(NULL);
		const struct timespec wait = {.tv_sec = left < 0	      ? 0
							: left > LOOK_SECONDS ? LOOK_SECONDS
									      : left};
		int sig = sigtimedwait(&set, NULL, &wait);
		if (sig == SIGTERM || sig == SIGINT)
			return;
		if (sig == SIGHUP)
			reload(s);
		if (time(NULL) >= due)
			due = tend_keys(s->issuer.keyring, time(NULL));
	}
}

int service_run(struct service *s)
{
	struct serving serving = {.service = s, .stop = eventfd(0, EFD_CLOEXEC)};
	pthread_t thread;

	if (serving.stop < 0)
		return -errno;
	int rc = -pthread_create(&thread, NULL, serve_zones, &serving);
	if (!rc) {
		steer(s);
		eventfd_write(serving.stop, 1);
		pthread_join(thread, NULL);
		rc = serving.rc;
	}
	close(serving.stop);
	return rc;
}
