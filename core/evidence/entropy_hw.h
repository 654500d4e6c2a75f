/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU as a source of randomness. Apart from entropy.c so that tests can put a bad CPU here. */
#ifndef CORE_EVIDENCE_ENTROPY_HW_H
#define CORE_EVIDENCE_ENTROPY_HW_H

#include "lib/types.h"

/* Whether RDRAND exists: CPUID Fn0000_0001 ECX[30] (AMD APM vol. 3, appendix E.3.2). */
bool entropy_hw_present(void);

/* One RDRAND. False if the generator had nothing to give (CF = 0). */
bool entropy_hw_draw(uint64_t *value);

uint64_t entropy_hw_tsc(void);

#endif
