// SPDX-License-Identifier: Apache-2.0
/* Page pool; see pool.h. */
#include <cloister/call.h>
#include "lib/log.h"
#include "lib/pool.h"
#include "lib/string.h"

static struct {
	uint64_t base;	/* physical address of page 0 */
	uint64_t total; /* pages, the bitmap's own included */
	uint64_t own;	/* pages of the bitmap: the first ones */
	uint64_t free;
	uint64_t promised; /* of those that are free */
	uint64_t next;	   /* where the search for one page starts */
	uint64_t *map;	   /* bit set = taken */
} pool;

static bool taken(uint64_t i)
{
	return pool.map[i / 64] & BIT64(i % 64);
}

static void *take(uint64_t first, size_t n)
{
	void *page = phys_to_virt(pool.base + first * PAGE_SIZE);

	for (uint64_t i = first; i < first + n; i++)
		pool.map[i / 64] |= BIT64(i % 64);
	pool.free -= n;
	memset(page, 0, n * PAGE_SIZE);
	return page;
}

void pool_init(uint64_t base, uint64_t size)
{
	ASSERT(base % PAGE_SIZE == 0 && size % PAGE_SIZE == 0 && !pool.total);
	pool.base = base;
	pool.total = size / PAGE_SIZE;
	pool.own = ALIGN_UP(pool.total, PAGE_SIZE * 8) / (PAGE_SIZE * 8);
	ASSERT(pool.own < pool.total);
	pool.map = phys_to_virt(base);

	/* Bits past the last page stay set, so that no search ever finds them. */
	memset(pool.map, 0xff, pool.own * PAGE_SIZE);
	for (uint64_t i = pool.own; i < pool.total; i++)
		pool.map[i / 64] &= ~BIT64(i % 64);
	pool.free = pool.total - pool.own;
	pool.next = pool.own;
}

void *page_alloc(void)
{
	uint64_t words = pool.own * PAGE_SIZE / 8;

	if (pool.free <= pool.promised)
		return NULL;
	for (uint64_t k = 0; k < words; k++) {
		uint64_t w = (pool.next / 64 + k) % words;

		if (~pool.map[w]) {
			pool.next = w * 64 + (uint64_t)__builtin_ctzll(~pool.map[w]);
			return take(pool.next, 1);
		}
	}
	return NULL;
}

void *pages_alloc(size_t n)
{
	uint64_t run = 0;

	if (!n || pool.free < pool.promised || n > pool.free - pool.promised)
		return NULL;
	for (uint64_t i = pool.own; i < pool.total; i++) {
		run = taken(i) ? 0 : run + 1;
		if (run == n)
			return take(i + 1 - n, n);
	}
	return NULL;
}

void pages_free(void *page, size_t n)
{
	uint64_t pa = virt_to_phys(page), first = (pa - pool.base) / PAGE_SIZE;

	if (!page)
		return;
	ASSERT(pa >= pool.base && pa % PAGE_SIZE == 0);
	ASSERT(first >= pool.own && first < pool.total && n <= pool.total - first);
	for (uint64_t i = first; i < first + n; i++) {
		ASSERT(taken(i)); /* else freed twice */
		pool.map[i / 64] &= ~BIT64(i % 64);
	}
	pool.free += n;
	secure_zero(page, n * PAGE_SIZE);
}

void page_free(void *page)
{
	pages_free(page, 1);
}

int pool_promise(uint64_t n)
{
	uint64_t kept = pool.promised + pool_pages() / 4;

	if (pool.free < kept || pool.free - kept < n)
		return -CL_ENOMEM;
	pool.promised += n;
	return 0;
}

void pool_unpromise(uint64_t n)
{
	ASSERT(n <= pool.promised);
	pool.promised -= n;
}

/* No check: whoever gives the page back may still have to flush first. */
void pool_promise_again(void)
{
	pool.promised++;
}

void *page_alloc_promised(void)
{
	pool_unpromise(1);
	return page_alloc();
}

uint64_t pool_pages(void)
{
	return pool.total - pool.own;
}

uint64_t pool_free_pages(void)
{
	return pool.free;
}
