/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables (ACPI 6.5, chapter 5), as the firmware left them: only before the host runs, which
 * may write where they lie.
 */
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

/* A field of 1 to 8 bytes of a valid table; 0 beyond its end. */
uint64_t acpi_field(const uint8_t *table, uint32_t at, uint32_t size);

/*
 * The values of SLP_TYP that mean "off" (S5), for PM1a and PM1b: they stand in the AML of the DSDT,
 * as a package of constants in all but odd machines. False if not found just once, and so. The
 * packages of S1 to S4 get other names: a host that knows of them waits for ever to wake.
 */
bool acpi_sleep_off(const uint8_t *fadt, uint8_t type[2]);

#endif
