/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shadows of the host's nested page tables: what the hardware walks while an ordinary guest runs.
 *
 * A shadow behaves as a TLB of the host's table: filled on #NPF, tagged by (CPU, ASID of the
 * host), dropped when the host orders a flush. So unmodified KVM needs no cooperation, and its
 * own shoot-downs between CPUs work as on the bare CPU.
 */
#ifndef CORE_SVM_SHADOW_H
#define CORE_SVM_SHADOW_H

#include "lib/types.h"
#include "svm/npt.h"

#define HOST_ASIDS 8u /* what the Core tells the host; ASIDs 1 … 7 */

struct shadow {
	struct npt npt;
	uint64_t ncr3;	    /* of the host's table */
	bool nested_paging; /* else the host gave no table: guest-physical is host-physical */
};

struct shadows {
	struct shadow by_asid[HOST_ASIDS];
};

/* All shadows of all CPUs, for frames that change hands. */
void shadow_drop_all(void);

/* As the TLB_CONTROL field and INVLPGA ask. asid < HOST_ASIDS. */
void shadow_flush(struct shadows *s, uint32_t tlb_control, uint32_t asid);

/* The root pages, for good; -CL_ENOMEM. */
int shadows_init(struct shadows *s);

/* The shadow to run with; made empty if it was of another table. */
struct shadow *shadow_get(struct shadows *s, uint32_t asid, uint64_t ncr3, bool nested_paging);

/*
 * #NPF on a shadow: fill it from the host's table. 0 when the access can be tried again;
 * -CL_EFAULT when the host must see the fault, with *error as EXITINFO1 to report; -CL_EPERM
 * when it writes to the MSI window; -CL_ENOMEM when there is no memory for even one leaf.
 */
int shadow_fault(struct shadow *s, uint64_t gpa, uint64_t info, uint64_t *error);

/* Map what a nested leaf leads to at gpa into npt, with rights and sizes cut to what is safe. */
struct nested_leaf;
int shadow_install(struct npt *npt, uint64_t gpa, const struct nested_leaf *leaf, uint64_t deny,
		   unsigned max_level);

#endif
