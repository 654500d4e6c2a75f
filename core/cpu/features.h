/* SPDX-License-Identifier: Apache-2.0 */
/* What the Core needs of a CPU. */
#ifndef CORE_CPU_FEATURES_H
#define CORE_CPU_FEATURES_H

/* NULL if the Core can run here, else what is missing. */
const char *cpu_check(void);

/*
 * Let the calling CPU use SSE (libbearssl is built with it) and, where there, AVX and AVX-512
 * (the page cipher): CR4.OSFXSR, OSXMMEXCPT, OSXSAVE, and XCR0.
 */
void cpu_enable_simd(void);

#endif
