// SPDX-License-Identifier: Apache-2.0
// A table of the open connections. An entry goes before its descriptor is closed, so that nobody
// else's is ever shut down.
#include "watch.h"
#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

static struct {
	bool used;
	bool working;
	int fd;
	int64_t since; // seconds on CLOCK_MONOTONIC
} table[WATCH_CONNECTIONS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

void watch_add(int fd)
{
	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < WATCH_CONNECTIONS; i++) {
		if (table[i].used)
			continue;
		table[i].used = true;
		table[i].working = false;
		table[i].fd = fd;
		table[i].since = now();
		break;
	}
	pthread_mutex_unlock(&lock);
}

void watch_remove(int fd)
{
	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < WATCH_CONNECTIONS; i++)
		if (table[i].used && table[i].fd == fd)
			table[i].used = false;
	pthread_mutex_unlock(&lock);
}

void watch_working(int fd, bool working)
{
	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < WATCH_CONNECTIONS; i++) {
		if (!table[i].used || table[i].fd != fd)
			continue;
		table[i].working = working;
		table[i].since = now();
	}
	pthread_mutex_unlock(&lock);
}

void watch_tick(void)
{
	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < WATCH_CONNECTIONS; i++)
		if (table[i].used && !table[i].working && now() - table[i].since > WATCH_SECONDS)
			shutdown(table[i].fd, SHUT_RDWR);
	pthread_mutex_unlock(&lock);
}
