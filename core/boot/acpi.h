/* SPDX-License-Identifier: Apache-2.0 */
/* The ACPI root pointer (ACPI 6.5, section 5.2.5). */
#ifndef CORE_BOOT_ACPI_H
#define CORE_BOOT_ACPI_H

#include "lib/types.h"

#define RSDP_SIZE_MAX 36u

/* Size of a valid root pointer at p, where `max` bytes can be read; 0 if it is none. */
uint32_t rsdp_check(const uint8_t *p, uint64_t max);

/* Search where a BIOS keeps it; physical address or 0. */
uint64_t rsdp_search_bios(void);

/*
 * The table with this signature, with its length; NULL if there is none. rsdp: physical address of
 * a checked root pointer, or 0.
 */
const uint8_t *acpi_table(uint64_t rsdp, const char *signature, uint32_t *length);

/* APIC IDs of the CPUs that the firmware has enabled; returns how many, at most max. */
unsigned acpi_cpus(uint64_t rsdp, uint32_t *apic_id, unsigned max);

#endif
