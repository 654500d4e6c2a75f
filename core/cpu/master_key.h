/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master key of this boot. It is nowhere but in the debug registers DR0 to DR3 of each CPU
 * (the idea of TRESOR, Müller, Freiling and Dewald, 2011): a copy of RAM does not have it. Every
 * access of the host, of its guests and of zones to these registers is intercepted and played
 * (svm/debugreg.c); the Core itself never enables a breakpoint, nor lets anybody do so.
 *
 * All other keys are derived from it when they are needed, and wiped afterwards.
 */
#ifndef CORE_CPU_MASTER_KEY_H
#define CORE_CPU_MASTER_KEY_H

#include "lib/types.h"

#define DERIVED_KEY_SIZE 32u

/* What a key is for; no two uses get the same. */
#define KEY_PAGES  1u /* of the zone with this instance number */
#define KEY_REPORT 2u /* a candidate for the report key's scalar */
#define KEY_ROOT   3u /* covers the sealing root */

/* Draw a master and put it into the calling CPU's registers; after entropy_init. */
void master_key_init(void);
/* Another CPU, before it enters any guest. Only until master_key_close(). */
void master_key_join(void);
/* No more CPUs will come: forget the copy in RAM. */
void master_key_close(void);

/* Between fpu_begin and fpu_end. Fatal on a CPU that has no master. */
void master_key_derive(uint8_t out[DERIVED_KEY_SIZE], uint32_t purpose, uint64_t number);

/* Forget the calling CPU's, before the machine is given up. */
void master_key_wipe(void);

#endif
