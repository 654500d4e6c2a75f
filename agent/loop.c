// SPDX-License-Identifier: Apache-2.0
#include "loop.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64

struct loop {
	int epoll;
	bool ending;
	// What has been fetched; a watch that goes while it waits there is taken out.
	struct epoll_event batch[BATCH];
	int fetched;
	// Sorted by time. Insertion looks from the end: most timers are the farthest.
	struct loop_timer *first, *last;
	struct loop_task *head, *tail;
	size_t queued;
};

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		free(loop);
		return NULL;
	}
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	close(loop->epoll);
	free(loop);
}

static int control(struct loop *loop, int op, struct loop_watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	return epoll_ctl(loop->epoll, op, watch->fd, &event) ? -errno : 0;
}

int loop_watch(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	return control(loop, EPOLL_CTL_ADD, watch, events);
}

int loop_rewatch(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	return control(loop, EPOLL_CTL_MOD, watch, events);
}

void loop_unwatch(struct loop *loop, struct loop_watch *watch)
{
	control(loop, EPOLL_CTL_DEL, watch, 0);
	for (int i = 0; i < loop->fetched; i++) {
		if (loop->batch[i].data.ptr == watch)
			loop->batch[i].data.ptr = NULL;
	}
}

int64_t loop_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void loop_unset(struct loop *loop, struct loop_timer *timer)
{
	if (!timer->set)
		return;
	*(timer->before ? &timer->before->after : &loop->first) = timer->after;
	*(timer->after ? &timer->after->before : &loop->last) = timer->before;
	timer->set = false;
}

void loop_set(struct loop *loop, struct loop_timer *timer, int64_t due_ns)
{
	loop_unset(loop, timer);
	struct loop_timer *before = loop->last;
	while (before && before->due_ns > due_ns)
		before = before->before;
	timer->before = before;
	timer->after = before ? before->after : loop->first;
	*(timer->before ? &timer->before->after : &loop->first) = timer;
	*(timer->after ? &timer->after->before : &loop->last) = timer;
	timer->due_ns = due_ns;
	timer->set = true;
}

void loop_queue(struct loop *loop, struct loop_task *task)
{
	if (task->queued)
		return;
	task->queued = true;
	task->before = loop->tail;
	task->after = NULL;
	*(loop->tail ? &loop->tail->after : &loop->head) = task;
	loop->tail = task;
	loop->queued++;
}

void loop_unqueue(struct loop *loop, struct loop_task *task)
{
	if (!task->queued)
		return;
	*(task->before ? &task->before->after : &loop->head) = task->after;
	*(task->after ? &task->after->before : &loop->tail) = task->before;
	task->queued = false;
	loop->queued--;
}

// What a task queues, itself maybe, has its turn after the other events.
static void run_tasks(struct loop *loop)
{
	for (size_t n = loop->queued; n && loop->head; n--) {
		struct loop_task *task = loop->head;

		loop_unqueue(loop, task);
		task->run(task);
	}
}

static void fire_timers(struct loop *loop)
{
	int64_t now = loop_now();

	while (loop->first && loop->first->due_ns <= now) {
		struct loop_timer *timer = loop->first;

		loop_unset(loop, timer);
		timer->fire(timer);
		run_tasks(loop);
	}
}

static int until_first(const struct loop *loop, int wait_ms)
{
	if (loop->head || loop->ending)
		return 0;
	if (!loop->first)
		return wait_ms;
	int64_t ns = loop->first->due_ns - loop_now();
	// Rounded up: not to turn round and round within the last millisecond.
	int64_t ms = ns <= 0 ? 0 : (ns + 999999) / 1000000;
	if (ms > INT_MAX)
		ms = INT_MAX;
	return wait_ms >= 0 && wait_ms < ms ? wait_ms : (int)ms;
}

int loop_turn(struct loop *loop, int wait_ms)
{
	run_tasks(loop);
	int n = epoll_wait(loop->epoll, loop->batch, BATCH, until_first(loop, wait_ms));
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	loop->fetched = n;
	for (int i = 0; i < n; i++) {
		struct loop_watch *watch = loop->batch[i].data.ptr;

		if (watch)
			watch->ready(watch, loop->batch[i].events);
		run_tasks(loop);
	}
	loop->fetched = 0;
	fire_timers(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	int rc = 0;

	while (!loop->ending && rc == 0)
		rc = loop_turn(loop, -1);
	loop->ending = false;
	return rc;
}

void loop_end(struct loop *loop)
{
	loop->ending = true;
}

static void waker_ready(struct loop_watch *watch, uint32_t events)
{
	struct loop_waker *waker = (struct loop_waker *)watch;
	uint64_t count;

	if (read(watch->fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
		waker->woken(waker);
}

int loop_add_waker(struct loop *loop, struct loop_waker *waker)
{
	waker->watch.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (waker->watch.fd < 0)
		return -errno;
	waker->watch.ready = waker_ready;
	int rc = loop_watch(loop, &waker->watch, EPOLLIN);
	if (rc)
		close(waker->watch.fd);
	return rc;
}

void loop_remove_waker(struct loop *loop, struct loop_waker *waker)
{
	loop_unwatch(loop, &waker->watch);
	close(waker->watch.fd);
}

void loop_wake(const struct loop_waker *waker)
{
	const uint64_t one = 1;
	int saved = errno;

	// Full is as good as written: it will be read.
	if (write(waker->watch.fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		abort();
	errno = saved;
}
