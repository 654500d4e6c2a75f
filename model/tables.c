// SPDX-License-Identifier: Apache-2.0
/* Nested tables as svm/npt.h promises them, without their levels. */
#include "lib/log.h"
#include "model.h"

#define ONE(i) static struct table table_##i
ONE(0);
ONE(1);
ONE(2);
ONE(3);
ONE(4);
ONE(5);
ONE(6);
_Static_assert(TABLES <= 7, "as many tables");

struct table *table_at(unsigned i)
{
	switch (i) {
	case 0:
		return &table_0;
	case 1:
		return &table_1;
	case 2:
		return &table_2;
	case 3:
		return &table_3;
	case 4:
		return &table_4;
	case 5:
		return &table_5;
	default:
		return &table_6;
	}
}

static struct {
	struct table *table; /* NULL: nothing is out */
	unsigned at;
	bool large;
	uint64_t entry;
} out;

void tables_settle(void)
{
	if (!out.table)
		return;
	if (out.large)
		out.table->large[out.at] = out.entry;
	else
		out.table->leaf[out.at] = out.entry;
	out.table = NULL;
}

static struct table *table_of(const struct npt *npt)
{
	tables_settle();
	CHECK(npt->root, "model: a table that is there");
	return (struct table *)npt->root;
}

uint64_t translation(const struct table *t, unsigned page)
{
	unsigned r = page / REGION;

	if (t->large[r])
		return t->large[r] + page % REGION * PAGE_SIZE;
	return t->split[r] && (t->leaf[page] & PTE_P) ? t->leaf[page] : 0;
}

/* What becomes reachable for the host or a guest must be no secret at that very moment. */
static void judge(const struct table *t, uint64_t pa, unsigned n)
{
	for (unsigned i = PRIVATE_TABLE; i < VIEW_TABLE; i++) {
		if (t == table_at(i))
			return;
	}
	for (unsigned i = 0; i < n; i++) {
		uint64_t pfn = (pa >> PAGE_SHIFT) + i;

		CHECK(pfn >= ADDRS || ghost_frame[pfn].content != PLAIN,
		      "I3: a frame is scrubbed or sealed before the host gets it");
	}
}

int npt_init(struct npt *npt, uint64_t quota)
{
	if (any_bool() || !alloc_next)
		return -CL_ENOMEM;
	npt->root = alloc_next;
	alloc_next = NULL;
	return 0;
}

int npt_map(struct npt *npt, uint64_t gpa, uint64_t pa, uint64_t flags, unsigned level)
{
	struct table *t = table_of(npt);
	uint64_t page = gpa >> PAGE_SHIFT;

	CHECK(page < ADDRS && gpa % NPT_SIZE(level) == 0 && pa % NPT_SIZE(level) == 0,
	      "npt_map: aligned, in range");
	ASSUME(page < ADDRS);
	unsigned r = (unsigned)page / REGION;

	if (level == NPT_2M) {
		if (t->split[r] && !t->large[r])
			return -CL_EEXIST;
		/* The directory above may be missing. */
		if (!t->large[r] && any_bool())
			return any_bool() ? -CL_ENOMEM : -CL_ENOSPC;
		t->large[r] = pa | flags | PTE_P | PTE_U | PTE_PS;
		judge(t, pa, REGION);
		return 0;
	}
	if (t->large[r] || !t->split[r]) {
		if (any_bool())
			return any_bool() ? -CL_ENOMEM : -CL_ENOSPC;
		for (unsigned i = 0; i < REGION; i++)
			t->leaf[r * REGION + i] =
				t->large[r] ? (t->large[r] & ~PTE_PS) + i * PAGE_SIZE : 0;
		t->large[r] = 0;
		t->split[r] = true;
	}
	t->leaf[page] = pa | flags | PTE_P | PTE_U;
	judge(t, pa, 1);
	return 0;
}

uint64_t *npt_leaf(const struct npt *npt, uint64_t gpa, unsigned *level)
{
	struct table *t = table_of(npt);
	uint64_t page = gpa >> PAGE_SHIFT;

	CHECK(page < ADDRS, "npt_leaf: in range");
	ASSUME(page < ADDRS);
	if (!translation(t, (unsigned)page))
		return NULL;
	out.large = t->large[page / REGION];
	out.at = (unsigned)(out.large ? page / REGION : page);
	out.entry = out.large ? t->large[out.at] : t->leaf[out.at];
	out.table = t;
	if (level)
		*level = out.large ? NPT_2M : NPT_4K;
	return &out.entry;
}

uint64_t *npt_merge(struct npt *npt, uint64_t gpa, uint64_t pa, uint64_t flags)
{
	struct table *t = table_of(npt);
	uint64_t r = (gpa >> PAGE_SHIFT) / REGION;

	ASSUME(r < REGIONS);
	if (!t->split[r] || t->large[r])
		return NULL;
	t->split[r] = false;
	for (unsigned i = 0; i < REGION; i++)
		t->leaf[r * REGION + i] = 0;
	t->large[r] = pa | flags | PTE_P | PTE_U | PTE_PS;
	judge(t, pa, REGION);
	return t->leaf;
}

void npt_clear(struct npt *npt, unsigned first, unsigned last, npt_leaf_fn *gone)
{
	struct table *t = table_of(npt);

	CHECK(!first && (!last || !t->pml4[1]),
	      "a zone's private side is not cleared with its view");
	for (unsigned r = 0; r < REGIONS; r++) {
		if (t->large[r] && gone)
			gone(t->large[r], NPT_2M);
		t->large[r] = 0;
	}
	for (unsigned a = 0; a < ADDRS; a++) {
		if (t->split[a / REGION] && (t->leaf[a] & PTE_P) && gone)
			gone(t->leaf[a], NPT_4K);
		t->leaf[a] = 0;
	}
	for (unsigned r = 0; r < REGIONS; r++)
		t->split[r] = false;
}

void npt_free(struct npt *npt, npt_leaf_fn *gone)
{
	if (!npt->root)
		return;
	npt_clear(npt, 0, 511, gone);
	npt->root = NULL;
}
