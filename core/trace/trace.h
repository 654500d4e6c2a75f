/* SPDX-License-Identifier: Apache-2.0 */
/* Tracing to the Core's log, switched by CL_OP_TRACE or `trace=` on the Core's command line. */
#ifndef CORE_TRACE_TRACE_H
#define CORE_TRACE_TRACE_H

#include <cloister/call.h>
#include "svm/vmcb.h"

extern uint32_t trace_mask; /* CL_TRACE_* */

/*
 * One exit. Of zones, nothing but what the host may know: no addresses, no registers; a debug build
 * shows them.
 */
void trace_exit(unsigned running, const struct vmcb *v);

#endif
