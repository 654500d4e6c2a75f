/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The window: at most zone.window pages of a zone are OPEN. Victims by CLOCK on the accessed bits,
 * sealed in batches with one flush a batch; pages untouched for a while are sealed as well.
 */
#ifndef CORE_ZONE_WINDOW_H
#define CORE_ZONE_WINDOW_H

#include "zone/zone.h"

/* Make room for one more OPEN page. */
void window_make_room(struct zone *z);

/* Bookkeeping of page.c: a page became OPEN, or is no longer. */
void window_add(struct zone *z, uint64_t index, struct page_rec *rec);
void window_remove(struct zone *z, struct page_rec *rec);

/*
 * Seal what was not touched for idle_ms, in every zone whose scan is due. The Core has no timer:
 * this runs at each exit. A host that takes no exit delays it.
 */
void window_check_idle(void);

#endif
