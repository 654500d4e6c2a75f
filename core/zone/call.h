/* SPDX-License-Identifier: Apache-2.0 */
/* Calls into the Core from user space of the host and of zones: include/cloister/call.h */
#ifndef CORE_ZONE_CALL_H
#define CORE_ZONE_CALL_H

#include "svm/walk.h"
#include "zone/zone.h"

/* The value for RAX. */
int64_t call_host(const struct space *space, uint32_t op, uint64_t gva, uint64_t size);

/* Answers in the zone's RAX, or ends the zone. */
void call_zone(struct cpu *cpu, struct zone_vcpu *vcpu);

#endif
