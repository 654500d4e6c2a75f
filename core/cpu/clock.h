/* SPDX-License-Identifier: Apache-2.0 */
/* The time stamp counter as the Core's clock. */
#ifndef CORE_CPU_CLOCK_H
#define CORE_CPU_CLOCK_H

#include "lib/types.h"

/* Measure the counter against the PIT (about 20 ms), before the host runs. */
void clock_init(void);

/* Ticks in this many milliseconds. */
uint64_t clock_ticks(uint64_t ms);

#endif
