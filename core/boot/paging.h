/* SPDX-License-Identifier: Apache-2.0 */
/* The Core's own page tables. */
#ifndef CORE_BOOT_PAGING_H
#define CORE_BOOT_PAGING_H

#include "lib/types.h"

/*
 * Map [0, top) and at least 4 GiB onto itself, nothing both writable and executable, and switch
 * to that map. Takes its tables from the pool; -CL_ENOMEM.
 */
int paging_init(uint64_t top);

/* Switch to that map on another CPU, or again: flushes. */
void paging_load(void);

/* Take one page of the pool out of the map, before other CPUs run; -CL_ENOMEM. */
int paging_unmap(uint64_t pa);

#endif
