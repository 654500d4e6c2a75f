// SPDX-License-Identifier: Apache-2.0
#include "cpu/clock.h"
#include "cpu/msr.h"
#include "lib/log.h"
#include "svm/smp.h"
#include "zone/page.h"
#include "zone/window.h"

#define BATCH_MAX 16u
/* An idle scan runs every idle_ms / SCANS; a page is idle after SCANS scans without access. */
#define SCANS	  2u
#define LOOK_MS	  1u	/* how often exits look whether a scan is due */
#define LOOKS_MAX 1024u /* pages that one step of a scan looks at */

void window_add(struct zone *z, uint64_t index, struct page_rec *rec)
{
	ASSERT(z->nr_open < z->window);
	rec->slot = z->nr_open & 0x7ffffff;
	z->open_list[z->nr_open++] = (uint32_t)index;
	z->stats.open_pages = z->nr_open;
}

void window_remove(struct zone *z, struct page_rec *rec)
{
	uint32_t last = z->open_list[--z->nr_open];

	z->open_list[rec->slot] = last;
	page_rec(z, last)->slot = rec->slot;
	z->stats.open_pages = z->nr_open;
}

/* Seal pages that are out of the zone's table already: one flush, then all of them. */
static void seal_batch(struct zone *z, const uint32_t *victims, unsigned n)
{
	smp_shoot(&z->epoch);
	zone_key_begin(z);
	for (unsigned i = 0; i < n; i++)
		page_seal_unmapped(z, victims[i]);
	zone_key_end(z);
}

void window_make_room(struct zone *z)
{
	uint32_t victims[BATCH_MAX];
	unsigned n = 0, batch = z->window / 8 < BATCH_MAX ? z->window / 8 : BATCH_MAX;

	if (z->nr_open < z->window)
		return;
	/*
	 * Twice round at most, then whatever comes: other vCPUs of the zone may set accessed bits
	 * as fast as they are cleared here.
	 */
	uint32_t limit = 2 * z->nr_open < LOOKS_MAX ? 2 * z->nr_open : LOOKS_MAX;

	for (uint32_t steps = 0; n < batch && (!n || steps < limit); steps++) {
		uint32_t index = z->open_list[z->hand];

		z->hand = z->hand + 1 < z->nr_open ? z->hand + 1 : 0;
		bool chosen = false;

		for (unsigned i = 0; i < n; i++)
			chosen |= victims[i] == index;
		if (!chosen && (!page_test_clear_accessed(z, index) || steps >= limit))
			victims[n++] = index;
	}
	ASSERT(n);
	for (unsigned i = 0; i < n; i++)
		page_unmap(z, victims[i]);
	seal_batch(z, victims, n);
	if (z->hand >= z->nr_open)
		z->hand = 0;
}

/*
 * One step of a scan: a bounded number of pages, as interrupts wait meanwhile. From the end of the
 * list: removing a page moves the last one into its place. True when the scan is complete.
 */
static bool scan(struct zone *z)
{
	uint32_t victims[BATCH_MAX];
	unsigned n = 0, looks = 0;

	if (!z->scan_left || z->scan_left > z->nr_open)
		z->scan_left = z->nr_open;
	while (z->scan_left && n < BATCH_MAX && looks++ < LOOKS_MAX) {
		uint32_t index = z->open_list[--z->scan_left];
		struct page_rec *rec = page_rec(z, index);

		if (page_test_clear_accessed(z, index)) {
			rec->age = 0;
		} else if (++rec->age >= SCANS) {
			victims[n++] = index;
			page_unmap(z, index);
		}
	}
	if (n)
		seal_batch(z, victims, n);
	z->stats.idle_seals += n;
	if (z->hand >= z->nr_open)
		z->hand = 0;
	return !z->scan_left;
}

static void check(struct zone *z)
{
	if (rdtsc() >= z->next_scan && scan(z))
		z->next_scan = rdtsc() + clock_ticks(z->idle_ms) / SCANS;
}

void window_check_idle(void)
{
	static uint64_t due;
	uint64_t now = rdtsc();

	if (now < due)
		return;
	due = now + clock_ticks(LOOK_MS);
	zones_each(check);
}
