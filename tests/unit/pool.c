// SPDX-License-Identifier: Apache-2.0
/* The Core's page pool, on memory of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <cloister/call.h>
#include "lib/log.h"
#include "lib/pool.h"

#define PAGES 40000u /* more than one page of bitmap */

/* The Core would stop here. */
void panic(const char *fmt, ...)
{
	mock_assert(0, fmt, __FILE__, __LINE__);
	abort();
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && !memcmp(p, p + 1, n - 1));
}

static int setup(void **state)
{
	uint8_t *memory = aligned_alloc(PAGE_SIZE, PAGES * PAGE_SIZE);

	if (!memory)
		return -1;
	memset(memory, 0xa5, PAGES * PAGE_SIZE);
	*state = memory;
	pool_init(virt_to_phys(memory), PAGES * PAGE_SIZE);
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void test_counts(void **state)
{
	/* 40000 bits need two pages of bitmap. */
	assert_int_equal(pool_pages(), PAGES - 2);
	assert_int_equal(pool_free_pages(), PAGES - 2);
}

static void test_pages_come_zeroed_and_leave_zeroed(void **state)
{
	uint8_t *p = page_alloc();

	assert_non_null(p);
	assert_int_equal(virt_to_phys(p) % PAGE_SIZE, 0);
	assert_true(all_zero(p, PAGE_SIZE));
	assert_int_equal(pool_free_pages(), pool_pages() - 1);
	memset(p, 0x5a, PAGE_SIZE);
	page_free(p);
	assert_true(all_zero(p, PAGE_SIZE));
	assert_int_equal(pool_free_pages(), pool_pages());
}

static void test_every_page_once(void **state)
{
	const uint8_t *memory = *state;
	static uint8_t *page[PAGES];
	static bool seen[PAGES];
	size_t n = 0;

	while ((page[n] = page_alloc()) != NULL) {
		size_t i = (size_t)(page[n] - memory) / PAGE_SIZE;

		assert_true(page[n] >= memory && i < PAGES && i >= 2 && !seen[i]);
		seen[i] = true;
		n++;
	}
	assert_int_equal(n, pool_pages());
	assert_int_equal(pool_free_pages(), 0);
	assert_null(pages_alloc(1));

	/* A hole in the middle is found again, and only a run that fits. */
	page_free(page[1000]);
	page_free(page[1001]);
	page_free(page[1003]);
	assert_null(pages_alloc(3));
	uint8_t *two = pages_alloc(2);
	assert_ptr_equal(two, page[1000]);
	assert_ptr_equal(page_alloc(), page[1003]);
	assert_null(page_alloc());
	for (size_t i = 0; i < n; i++)
		page_free(page[i]);
	assert_int_equal(pool_free_pages(), pool_pages());
}

static void test_promises(void **state)
{
	uint64_t all = pool_pages(), most = all - all / 4;
	void *taken = pages_alloc(all - most), *page;

	assert_int_equal(pool_promise(most - (all - most) + 1), -CL_ENOMEM); /* a quarter stays */
	pages_free(taken, all - most);
	assert_int_equal(pool_promise(most + 1), -CL_ENOMEM);
	assert_int_equal(pool_promise(most), 0);
	assert_int_equal(pool_promise(1), -CL_ENOMEM);
	assert_int_equal(pool_free_pages(), all);
	/* The others have the quarter, and no page more. */
	assert_null(pages_alloc(all - most + 1));
	taken = pages_alloc(all - most);
	assert_non_null(taken);
	assert_null(page_alloc());
	page = page_alloc_promised();
	assert_non_null(page);
	assert_null(page_alloc());
	pool_promise_again();
	page_free(page);
	assert_null(page_alloc());
	pool_unpromise(most);
	page = page_alloc();
	assert_non_null(page);
	page_free(page);
	pages_free(taken, all - most);
	expect_assert_failure(pool_unpromise(1));
	expect_assert_failure(page_alloc_promised());
	assert_int_equal(pool_free_pages(), all);
}

static void test_runs(void **state)
{
	uint8_t *a = pages_alloc(300), *b = pages_alloc(1), *c = pages_alloc(70);

	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(c);
	assert_true(b >= a + 300 * PAGE_SIZE || b < a);
	assert_true(all_zero(a, 300 * PAGE_SIZE));
	memset(a, 1, 300 * PAGE_SIZE);
	assert_true(all_zero(c, 70 * PAGE_SIZE));
	assert_int_equal(pool_free_pages(), pool_pages() - 371);
	pages_free(a, 300);
	pages_free(c, 70);
	page_free(b);
	assert_null(pages_alloc(0));
	assert_null(pages_alloc(pool_pages() + 1));
	a = pages_alloc(pool_pages());
	assert_non_null(a);
	pages_free(a, pool_pages());
	page_free(NULL);
	assert_int_equal(pool_free_pages(), pool_pages());
}

static void test_misuse_stops_the_core(void **state)
{
	uint8_t *memory = *state, *p = page_alloc();

	expect_assert_failure(page_free(memory));		      /* the bitmap */
	expect_assert_failure(page_free(p + 8));		      /* not a page */
	expect_assert_failure(page_free(memory + PAGES * PAGE_SIZE)); /* beyond */
	expect_assert_failure(page_free(memory - PAGE_SIZE));	      /* before */
	expect_assert_failure(pages_free(p, SIZE_MAX));
	page_free(p);
	expect_assert_failure(page_free(p)); /* twice */
	expect_assert_failure(pool_init(virt_to_phys(memory), PAGE_SIZE));
	assert_int_equal(pool_free_pages(), pool_pages());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_pages_come_zeroed_and_leave_zeroed),
		cmocka_unit_test(test_every_page_once),
		cmocka_unit_test(test_promises),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_misuse_stops_the_core),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
