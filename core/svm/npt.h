/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nested page tables that the Core builds: four levels, 4 KiB and 2 MiB leaves (AMD APM vol. 2,
 * section 15.25). Used for the host's identity map, for the shadows of the host's own nested
 * tables, and for the private side of zones.
 *
 * An IOMMU walks the host's table as well (core/iommu): its entries keep what they mean to it in
 * bits that the CPU ignores (AMD I/O Virtualization Technology, section 2.2.3).
 */
#ifndef CORE_SVM_NPT_H
#define CORE_SVM_NPT_H

#include "lib/types.h"

#define PTE_P		BIT64(0)
#define PTE_W		BIT64(1)
#define PTE_U		BIT64(2) /* nested walks are user accesses: always set */
#define PTE_A		BIT64(5)
#define PTE_D		BIT64(6)
#define PTE_PS		BIT64(7)
#define PTE_NEXT(level) ((uint64_t)(level) << 9) /* IOMMU: level of the table it points to */
#define PTE_DMA_READ	BIT64(61)		 /* IOMMU: devices may read … */
#define PTE_DMA		(BIT64(61) | BIT64(62))	 /* … and write */
#define PTE_NX		BIT64(63)
#define PTE_ADDR	0x000ffffffffff000ull

/*
 * An entry that no device may use; alone, one that the CPU may not use either. Not zero, because
 * QEMU's IOMMU reports no fault at an entry of zero.
 */
#define PTE_NO_DMA	 PTE_NEXT(1)

#define NPT_ADDRESS_BITS 48u

#define NPT_4K		 1u
#define NPT_2M		 2u
#define NPT_SIZE(level)	 (1ull << (12 + 9 * ((level)-1)))

struct npt {
	uint64_t *root;	 /* PML4 page; NULL before npt_init */
	uint64_t tables; /* table pages in use below the root */
	uint64_t quota;	 /* most table pages; more is -CL_ENOSPC */
	bool promised;	 /* by the pool, all of the quota */
};

/* Take a root page. 0 or -CL_ENOMEM. */
int npt_init(struct npt *npt, uint64_t quota);

/* All tables up to the quota are promised from now on, so that none is missing then. Or -CL_ENOMEM.
 */
int npt_promise(struct npt *npt);

/*
 * Map one leaf; both addresses aligned to its size. A present leaf at that place is replaced; a
 * 2 MiB leaf in the way of a 4 KiB one is split. Returns 0, -CL_ENOMEM, -CL_ENOSPC, or -CL_EEXIST
 * if a 2 MiB leaf would hide a table; on failure no translation has changed. Callers flush.
 */
int npt_map(struct npt *npt, uint64_t gpa, uint64_t pa, uint64_t flags, unsigned level);

/* The present leaf entry that translates gpa, or NULL. *level gets its size if not NULL. */
uint64_t *npt_leaf(const struct npt *npt, uint64_t gpa, unsigned *level);

/*
 * Put one 2 MiB leaf in place of a table of 4 KiB leaves, if there is one. The caller knows that
 * they all translate alike. Returns the table, if any, for the caller to free after flushing: a CPU
 * or an IOMMU may have cached the entry that pointed to it.
 */
uint64_t *npt_merge(struct npt *npt, uint64_t gpa, uint64_t pa, uint64_t flags);

/* Called for each present leaf that npt_clear removes. */
typedef void npt_leaf_fn(uint64_t leaf, unsigned level);

/* Remove everything under PML4 entries first … last and free its tables. Callers flush. */
void npt_clear(struct npt *npt, unsigned first, unsigned last, npt_leaf_fn *gone);

/* npt_clear of the whole tree, and free the root. */
void npt_free(struct npt *npt, npt_leaf_fn *gone);

#endif
