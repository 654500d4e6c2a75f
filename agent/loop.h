/* SPDX-License-Identifier: Apache-2.0 */
/* One thread's events: descriptors, timers, and what other threads want it to do. */
#ifndef AGENT_LOOP_H
#define AGENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;

/* A descriptor that is watched. Its owner keeps it where it is until loop_unwatch(). */
struct loop_watch {
	int fd;
	void (*ready)(struct loop_watch *watch, uint32_t events);
};

/* A moment on CLOCK_MONOTONIC. Zeroed but for `fire`, it is not set. */
struct loop_timer {
	void (*fire)(struct loop_timer *timer);
	int64_t due_ns;
	bool set;
	struct loop_timer *before, *after;
};

/* Something to do when the present event has been dealt with. Zeroed but for `run`, it is not
 * queued. */
struct loop_task {
	void (*run)(struct loop_task *task);
	bool queued;
	struct loop_task *before, *after;
};

/* Called by the loop some time after loop_wake(), once for any number of them. */
struct loop_waker {
	struct loop_watch watch;
	void (*woken)(struct loop_waker *waker);
};

/* NULL: no memory or no descriptors. */
struct loop *loop_new(void);
/* Nothing may be watched, set or queued any more. */
void loop_free(struct loop *loop);

/* Events: EPOLLIN, EPOLLOUT; level-triggered. 0 or a negative errno. */
int loop_watch(struct loop *loop, struct loop_watch *watch, uint32_t events);
int loop_rewatch(struct loop *loop, struct loop_watch *watch, uint32_t events);
/* `ready` is not called again, even for events that have been fetched. */
void loop_unwatch(struct loop *loop, struct loop_watch *watch);

int64_t loop_now(void);
/* Takes time in the number of timers that are due later. */
void loop_set(struct loop *loop, struct loop_timer *timer, int64_t due_ns);
void loop_unset(struct loop *loop, struct loop_timer *timer);

void loop_queue(struct loop *loop, struct loop_task *task);
void loop_unqueue(struct loop *loop, struct loop_task *task);

int loop_add_waker(struct loop *loop, struct loop_waker *waker);
void loop_remove_waker(struct loop *loop, struct loop_waker *waker);
/* From any thread, or a signal handler. */
void loop_wake(const struct loop_waker *waker);

/* Wait for events, at most wait_ms (-1: as long as it takes), and deal with them. */
int loop_turn(struct loop *loop, int wait_ms);
/* Turns until loop_end(). 0 or a negative errno. */
int loop_run(struct loop *loop);
void loop_end(struct loop *loop);

#endif
