/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a VMCB that the host wants to run is one that VMRUN may take: AMD APM vol. 2, sections
 * 15.5.1 (state), 15.20 (events), 15.25.4 (nested paging). Pure: nothing is read but the copy.
 */
#ifndef CORE_SVM_VMCB_CHECK_H
#define CORE_SVM_VMCB_CHECK_H

#include "svm/vmcb.h"

/* 0, or -CL_EINVAL for VMEXIT_INVALID. */
int vmcb_check(const struct vmcb *v);

#endif
