/* SPDX-License-Identifier: Apache-2.0 */
/* Symbols of the linker script (core.lds) and of start.S. */
#ifndef CORE_BOOT_IMAGE_H
#define CORE_BOOT_IMAGE_H

#include <stdint.h>

extern const uint8_t core_image_start[], core_image_end[];
extern const uint8_t core_text_start[], core_text_end[];
extern const uint8_t core_rodata_start[], core_rodata_end[];
extern const uint8_t core_build_note[];
extern const uint8_t boot_stack_guard[];

#endif
