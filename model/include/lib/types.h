/* SPDX-License-Identifier: Apache-2.0 */
/* In the model the Core's memory is no identity map: model/memory.c says what stands where. */
#ifndef MODEL_LIB_TYPES_H
#define MODEL_LIB_TYPES_H

#include "sizes.h"

#define phys_to_virt core_phys_to_virt
#define virt_to_phys core_virt_to_phys
#include_next "lib/types.h"
#undef phys_to_virt
#undef virt_to_phys

void *phys_to_virt(uint64_t pa);
uint64_t virt_to_phys(const volatile void *va);

#endif
