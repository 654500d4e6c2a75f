/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that were being delivered when a guest exited (EXITINTINFO): AMD APM vol.
 * 2, 15.7.2, 15.20.
 */
#ifndef CORE_SVM_EVENT_H
#define CORE_SVM_EVENT_H

#include "svm/vmcb.h"

/* EXITINTINFO with the type that the APM gives, whatever the emulator wrote. */
uint64_t event_normalise(uint64_t info);

/*
 * The Core resumes a guest after an exit that it handled itself: the event must not be lost and
 * must not come twice. injected: EVENTINJ as it was at the last entry.
 */
void event_requeue(struct vmcb *v, uint64_t injected);

/* INT n, INT3 or INTO: the instruction stands at RIP. */
bool event_is_soft(uint64_t info);

/* Make the guest take an exception at its current instruction. */
void event_inject_exception(struct vmcb *v, unsigned vector, bool has_error, uint32_t error);

#endif
