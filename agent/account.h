/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each uid's connections hold and use (limits.h). An account lives while somebody has a
 * reference: connections, calls' messages, requests to the producer.
 */
#ifndef AGENT_ACCOUNT_H
#define AGENT_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct accounts {
	struct account *first;
	size_t connections, fetches, bytes;
};

struct account {
	uid_t uid;
	size_t references;
	size_t connections, calls, fetches, bytes;
	int64_t saved_ns, counted_ns; /* the CPU's purse, and when it was last filled */
	struct accounts *all;
	struct account *next;
};

/* A reference to the uid's account. NULL: no memory. */
struct account *account_of(struct accounts *all, uid_t uid, int64_t now_ns);
struct account *account_ref(struct account *account);
void account_unref(struct account *account);

/* May the uid have one more? It is counted if so. */
bool account_connect(struct account *account);
void account_disconnect(struct account *account);
bool account_call(struct account *account);
void account_call_over(struct account *account);
bool account_fetch(struct account *account);
void account_fetch_over(struct account *account);

/* Memory, in bytes. */
bool account_take(struct account *account, size_t size);
void account_give(struct account *account, size_t size);

/* The server has worked for the uid. How long it has to wait now, or 0. */
int64_t account_worked(struct account *account, int64_t from_ns, int64_t now_ns);

#endif
