/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector state. The Core is built without it; ciphers and signatures need it, and the registers
 * are a guest's then. XSAVE: AMD APM vol. 2, section 11.5.
 */
#ifndef CORE_SVM_FPU_H
#define CORE_SVM_FPU_H

#include "svm/cpu.h"

/* Once, before any other call: XCR0 for the Core's own use. Panics without AVX2-class XSAVE. */
void fpu_init(void);

/* Brackets around code that uses vector registers. Not nested. */
void fpu_begin(void);
void fpu_end(void);

/* Pages that hold one XSAVE area. */
#define FPU_AREA_PAGES 1u

/* Store what is live, with its XCR0; load another. Areas: FPU_AREA_PAGES, zeroed at first. */
void fpu_store(uint8_t *area, uint64_t *xcr0);
void fpu_load(const uint8_t *area, uint64_t xcr0);

#endif
