/* SPDX-License-Identifier: Apache-2.0 */
/* Put the host (the first module) in place. */
#ifndef CORE_BOOT_PAYLOAD_H
#define CORE_BOOT_PAYLOAD_H

#include "boot/boot.h"
#include "boot/multiboot.h"

/*
 * Move all modules out of Core memory, load the host, fill bi->host. bi->map, core_base, core_size
 * and rsdp are set. The host's memory map is the firmware's minus Core memory. Does not return if
 * the host cannot be loaded.
 */
void payload_load(struct boot_info *bi, struct loader_info *li);

#endif
