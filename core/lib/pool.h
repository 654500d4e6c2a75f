/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool of free pages of the Core. A bitmap in its first pages says which are taken. Pages are
 * zeroed when taken (whoever gets one relies on it) and when given back (they held secrets).
 */
#ifndef CORE_LIB_POOL_H
#define CORE_LIB_POOL_H

#include "lib/types.h"

/* Take over [base, base + size), page aligned. Once. */
void pool_init(uint64_t base, uint64_t size);

void *page_alloc(void);	     /* one zeroed page, or NULL */
void *pages_alloc(size_t n); /* n contiguous zeroed pages, or NULL */
void page_free(void *page);  /* NULL does nothing */
void pages_free(void *page, size_t n);

/*
 * Pages for later, that nobody else gets meanwhile: what must not fail then. A quarter of the pool
 * is never promised. 0 or -CL_ENOMEM. page_alloc_promised takes one of them, and cannot fail.
 */
int pool_promise(uint64_t n);
void pool_unpromise(uint64_t n);
void *page_alloc_promised(void);
void pool_promise_again(void); /* a page that was promised comes back */

uint64_t pool_pages(void); /* in all, the bitmap not counted */
uint64_t pool_free_pages(void);

#endif
