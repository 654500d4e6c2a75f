/* SPDX-License-Identifier: Apache-2.0 */
/* PROTECT: an ordinary guest becomes a zone, measured. include/cloister/launch.h, call.h */
#ifndef CORE_ZONE_LAUNCH_H
#define CORE_ZONE_LAUNCH_H

#include "svm/cpu.h"

/*
 * VMMCALL CL_VMMCALL_PROTECT of the guest that runs, at CPL 0. 0: the zone runs next. Negative
 * CL_E*: nothing has become of it, and the guest is what it was; but segments that were measured
 * already have been given back zeroed.
 */
int launch_protect(struct cpu *cpu);

/* A descriptor is whole and keeps every rule of its header. 0 or -CL_EINVAL. */
struct cl_launch_desc;
int launch_check(const struct cl_launch_desc *d);

#endif
