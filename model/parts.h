/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations that stand at the beginning of others. Each is an operation of its own (step.c), after
 * which the invariants hold; so a longer one is looked at only where it had nothing to do any more.
 * Formulas become small enough for every test run. Where a step sets whole, they are called.
 */
#ifndef MODEL_PARTS_H
#define MODEL_PARTS_H

#include "zone/window.h"

extern bool whole;

void part_window_make_room(struct zone *z);
bool part_page_surrender_frame(uint64_t pfn);
void part_shadow_drop_all(void);
void part_watch_break(uint64_t pfn);
void part_page_drop_views(struct zone *z);
void part_page_drop_shared_views(void);

#endif
