/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLB flushes, right by construction. Whoever takes a translation away from a table advances that
 * table's epoch; a CPU that enters a guest compares the epoch with the one of its last flush,
 * orders a flush if they differ, and asserts it. An emulator that flushes at every VMRUN would
 * hide a missing flush; the assertion does not.
 */
#ifndef CORE_SVM_EPOCH_H
#define CORE_SVM_EPOCH_H

#include "lib/types.h"

struct epoch {
	uint64_t changed; /* of the table */
};

struct epoch_seen {
	uint64_t flushed; /* of one CPU with this table */
};

static inline void epoch_advance(struct epoch *e)
{
	e->changed++;
}

static inline bool epoch_stale(const struct epoch *e, const struct epoch_seen *s)
{
	return e->changed != s->flushed;
}

static inline void epoch_flushed(const struct epoch *e, struct epoch_seen *s)
{
	s->flushed = e->changed;
}

/* The host's own table (frame.c changes it, host.c enters with it). */
extern struct epoch host_epoch;

/* All shadows of all CPUs, when frames change hands (shadow.c, nested.c). */
extern struct epoch guest_epoch;

#endif
