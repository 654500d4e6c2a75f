/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the Core learns that the host takes a page away from a zone.
 *
 * To swap a page out or to move it, the host first takes it out of the guest's nested table, and
 * may then have a device read the frame: no CPU touches it. So the tables whose leaves lead to
 * pages that the Core holds are the host's to read only (FRAME_TABLE). A write to one comes here:
 * what the changed entry led to is sealed and surrendered, then the entry changes.
 *
 * This serves a host that wants its frames back. One that does not write to its tables, or has
 * them written behind the Core's back, gets nothing: a held frame stays out of its reach.
 */
#ifndef CORE_ZONE_WATCH_H
#define CORE_ZONE_WATCH_H

#include "svm/walk.h"
#include "zone/zone.h"

/* Is the table that translates gpa watched for this zone and this place? leaf: of nested_walk. */
bool watch_is_on(const struct zone *z, uint64_t gpa, const struct nested_leaf *leaf);

/* Watch it; what leaf says may be old by then. 0, -CL_EPERM, -CL_ENOMEM as frame_watch. */
int watch_table(struct zone *z, uint64_t gpa, const struct nested_leaf *leaf);

/* The host's write to gpa has faulted. True if that was a watched table: it has been dealt with. */
bool watch_host_write(struct cpu *cpu, uint64_t gpa);

/* Surrender all that a TABLE frame leads to; it is the host's again. */
void watch_break(uint64_t pfn);

#endif
