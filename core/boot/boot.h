/* SPDX-License-Identifier: Apache-2.0 */
/* What the boot path hands to the rest of the Core. */
#ifndef CORE_BOOT_BOOT_H
#define CORE_BOOT_BOOT_H

#include "boot/memmap.h"
#include "lib/types.h"

/* How the host starts: flat 32-bit protected mode, paging off, CS = 0x10, DS = ES = SS = 0x18. */
struct host_entry {
	uint32_t eip, eax, ebx, esi;
};

struct boot_info {
	struct mem_range map[MEMMAP_MAX]; /* the firmware's map: sorted, whole, no overlaps */
	unsigned int nr_map;
	uint64_t core_base, core_size; /* all Core memory: image and pool; both 2 MiB aligned */
	uint64_t rsdp;		       /* ACPI root pointer: a copy in Core memory; 0 = none */
	struct host_entry host;
	const char *cmdline; /* the Core's own */
};

/* The Core proper; starts on the boot CPU when the host is in place and the pool is ready. */
void core_main(struct boot_info *bi) __attribute__((noreturn));

#endif
