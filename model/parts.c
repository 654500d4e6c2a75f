// SPDX-License-Identifier: Apache-2.0
#include "model.h"
#include "parts.h"
#include "svm/shadow.h"
#include "zone/watch.h"

bool whole;

void part_window_make_room(struct zone *z)
{
	if (whole)
		window_make_room(z);
	else
		ASSUME(z->nr_open < z->window);
}

bool part_page_surrender_frame(uint64_t pfn)
{
	if (whole)
		return page_surrender_frame(pfn);
	ASSUME(frame_state(pfn) != FRAME_OPEN && frame_state(pfn) != FRAME_SEALED &&
	       frame_state(pfn) != FRAME_TABLE);
	return false;
}

/* Whoever calls these has found something to drop; with nothing there he does not call. */
void part_shadow_drop_all(void)
{
	if (whole)
		shadow_drop_all();
	else
		ASSUME(false);
}

void part_watch_break(uint64_t pfn)
{
	if (whole)
		watch_break(pfn);
	else
		ASSUME(false);
}

void part_page_drop_views(struct zone *z)
{
	if (whole)
		page_drop_views(z);
	else
		ASSUME(false);
}

void part_page_drop_shared_views(void)
{
	if (whole)
		page_drop_shared_views();
	else
		ASSUME(false);
}
