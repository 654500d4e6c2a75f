/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks of page tables that the Core does not own: the host's nested tables (nested_walk) and the
 * page tables of the host and of guests (space_*). What they hold is hostile input: each entry is
 * read once, with all its bits checked.
 */
#ifndef CORE_SVM_WALK_H
#define CORE_SVM_WALK_H

#include "lib/types.h"
#include "svm/vmcb.h"

struct nested_leaf {
	uint64_t pa;	/* of the byte asked for */
	uint64_t flags; /* PTE_W, PTE_NX, PTE_D as they result from all levels */
	unsigned level; /* NPT_4K, NPT_2M or 3 (1 GiB) */
	uint64_t entry; /* where the host's table says so: physical address of the entry */
};

/*
 * Translate gpa through the host's nested table at ncr3 and set accessed and dirty bits as the
 * hardware would. access: NPF_W and NPF_I are looked at. Returns 0; else -CL_EFAULT, and *error
 * has the P, W, U, RSV and I bits that a #NPF would report.
 */
int nested_walk(uint64_t ncr3, uint64_t gpa, uint64_t access, struct nested_leaf *leaf,
		uint64_t *error);

/* A guest-virtual address space: whose registers, and how its physical addresses are reached. */
struct space {
	const struct vmcb_save *save;
	/* One page at gpa: its address in the Core's map, or NULL. write: it will be written. */
	void *(*page)(const struct space *space, uint64_t gpa, bool write);
	void *context;	    /* of page() */
	bool user;	    /* only what CPL 3 may reach: for calls from user space */
	uint64_t addr_mask; /* address bits that page() understands, C-bit included */
};

/* The host itself. */
void space_host(struct space *space, const struct vmcb_save *save);

/* An ordinary guest, through the host's nested table at ncr3; *ncr3 must outlive the space. */
void space_guest(struct space *space, const struct vmcb_save *save, const uint64_t *ncr3);

/*
 * Copy between the Core and guest-virtual memory, as CPL 0 reads it. Returns 0 or -CL_EFAULT; on
 * failure a part may have been copied. n ≤ 8 KiB.
 */
int space_read(const struct space *space, uint64_t gva, void *to, size_t n);
/* Checks that every page is present and writable before the first byte is written. */
int space_write(const struct space *space, uint64_t gva, const void *from, size_t n);

/* Instruction bytes at CS:RIP; returns how many were readable, 0 … 15. */
size_t space_fetch(const struct space *space, uint8_t bytes[15]);

#endif
