/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a zone, in the one order that is right. */
#ifndef CLOISTER_CLI_TEARDOWN_H
#define CLOISTER_CLI_TEARDOWN_H

#include <stdbool.h>
#include "state.h"

#define GRACE_MS 5000 /* how long QEMU may take to quit */

/* Ask QEMU to quit by its monitor, kill it if it does not; returns once it has ended. */
void qemu_end(const struct state *st, int pidfd, int grace_ms);

/*
 * QEMU has ended: tell the Core, and only then may the caller let go of the zone's RAM. Puts why
 * the zone ended into st->reason: the Core's reason if it has one, else `otherwise`. True if the
 * Core itself had ended the zone.
 */
bool zone_ended(struct state *st, const char *otherwise);

/* Stop a zone whose supervisor was killed but whose QEMU lives (one without a jail). */
void orphan_end(struct state *st, int grace_ms);

#endif
