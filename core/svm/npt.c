// SPDX-License-Identifier: Apache-2.0
#include <cloister/call.h>
#include "lib/pool.h"
#include "lib/log.h"
#include "svm/npt.h"

#define ENTRIES		   512u
#define TABLE_FLAGS(level) (PTE_P | PTE_W | PTE_U | PTE_DMA | PTE_NEXT((level)-1))

static unsigned index_at(uint64_t gpa, unsigned level)
{
	return (unsigned)(gpa >> (12 + 9 * (level - 1))) & (ENTRIES - 1);
}

static uint64_t *table_of(uint64_t entry)
{
	return phys_to_virt(entry & PTE_ADDR);
}

int npt_init(struct npt *npt, uint64_t quota)
{
	npt->root = page_alloc();
	npt->tables = 0;
	npt->quota = quota;
	return npt->root ? 0 : -CL_ENOMEM;
}

int npt_promise(struct npt *npt)
{
	int r = pool_promise(npt->quota - npt->tables);

	npt->promised = !r;
	return r;
}

static int new_table(struct npt *npt, uint64_t **table)
{
	if (npt->tables >= npt->quota)
		return -CL_ENOSPC;
	*table = npt->promised ? page_alloc_promised() : page_alloc();
	if (!*table)
		return -CL_ENOMEM;
	npt->tables++;
	return 0;
}

/* Its page is free, or will be. */
static void table_gone(struct npt *npt)
{
	npt->tables--;
	if (npt->promised)
		pool_promise_again();
}

/* Replace a 2 MiB leaf by a table of 4 KiB leaves with the same translation and rights. */
static int split(struct npt *npt, uint64_t *entry)
{
	uint64_t *table;
	int r = new_table(npt, &table);

	if (r)
		return r;
	for (unsigned i = 0; i < ENTRIES; i++)
		table[i] = (*entry & ~PTE_PS) + i * PAGE_SIZE;
	*entry = virt_to_phys(table) | TABLE_FLAGS(NPT_2M);
	return 0;
}

int npt_map(struct npt *npt, uint64_t gpa, uint64_t pa, uint64_t flags, unsigned level)
{
	uint64_t *table = npt->root;

	ASSERT(level == NPT_4K || level == NPT_2M);
	ASSERT(!((gpa | pa) & ~PTE_ADDR));
	for (unsigned l = 4; l > level; l--) {
		uint64_t *entry = &table[index_at(gpa, l)];
		int r = 0;

		if (!(*entry & PTE_P)) {
			uint64_t *next;

			r = new_table(npt, &next);
			if (!r)
				*entry = virt_to_phys(next) | TABLE_FLAGS(l);
		} else if (*entry & PTE_PS) {
			r = split(npt, entry);
		}
		if (r)
			return r;
		table = table_of(*entry);
	}
	uint64_t *leaf = &table[index_at(gpa, level)];

	if (level == NPT_2M && (*leaf & PTE_P) && !(*leaf & PTE_PS))
		return -CL_EEXIST;
	*leaf = pa | flags | PTE_P | PTE_U | (level == NPT_2M ? PTE_PS : 0);
	return 0;
}

uint64_t *npt_leaf(const struct npt *npt, uint64_t gpa, unsigned *level)
{
	uint64_t *table = npt->root;

	for (unsigned l = 4; l >= NPT_4K; l--) {
		uint64_t *entry = &table[index_at(gpa, l)];

		if (!(*entry & PTE_P))
			return NULL;
		if (l == NPT_4K || (*entry & PTE_PS)) {
			if (level)
				*level = l;
			return entry;
		}
		table = table_of(*entry);
	}
	return NULL;
}

uint64_t *npt_merge(struct npt *npt, uint64_t gpa, uint64_t pa, uint64_t flags)
{
	uint64_t *table = npt->root;

	for (unsigned l = 4; l > NPT_2M; l--) {
		uint64_t entry = table[index_at(gpa, l)];

		if (!(entry & PTE_P) || (entry & PTE_PS))
			return NULL;
		table = table_of(entry);
	}
	uint64_t *leaf = &table[index_at(gpa, NPT_2M)];

	if (!(*leaf & PTE_P) || (*leaf & PTE_PS))
		return NULL;
	table = table_of(*leaf);
	table_gone(npt);
	*leaf = pa | flags | PTE_P | PTE_U | PTE_PS;
	return table;
}

static void clear_entry(uint64_t *entry, unsigned level, npt_leaf_fn *gone)
{
	if (gone)
		gone(*entry, level);
	*entry = 0;
}

/* Free one page directory (level 2) and what hangs below it. */
static void free_directory(struct npt *npt, uint64_t *pd, npt_leaf_fn *gone)
{
	for (unsigned i = 0; i < ENTRIES; i++) {
		if (!(pd[i] & PTE_P))
			continue;
		if (pd[i] & PTE_PS) {
			clear_entry(&pd[i], NPT_2M, gone);
			continue;
		}
		uint64_t *pt = table_of(pd[i]);

		for (unsigned j = 0; j < ENTRIES; j++) {
			if (pt[j] & PTE_P)
				clear_entry(&pt[j], NPT_4K, gone);
		}
		page_free(pt);
		table_gone(npt);
	}
	page_free(pd);
	table_gone(npt);
}

void npt_clear(struct npt *npt, unsigned first, unsigned last, npt_leaf_fn *gone)
{
	for (unsigned i = first; i <= last; i++) {
		if (!(npt->root[i] & PTE_P))
			continue;
		uint64_t *pdpt = table_of(npt->root[i]);

		for (unsigned j = 0; j < ENTRIES; j++) {
			if (pdpt[j] & PTE_P)
				free_directory(npt, table_of(pdpt[j]), gone);
		}
		page_free(pdpt);
		table_gone(npt);
		npt->root[i] = 0;
	}
}

void npt_free(struct npt *npt, npt_leaf_fn *gone)
{
	if (!npt->root)
		return;
	npt_clear(npt, 0, ENTRIES - 1, gone);
	if (npt->promised)
		pool_unpromise(npt->quota);
	npt->promised = false;
	page_free(npt->root);
	npt->root = NULL;
}
