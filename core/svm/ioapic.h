/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device pages that the host reads freely and writes through the Core: I/O APICs, the HPET, and
 * the registers in memory of doors.h. Without interrupt remapping an I/O APIC entry can carry SMI
 * and INIT, and a timer of the HPET writes any four bytes of memory anywhere.
 */
#ifndef CORE_SVM_IOAPIC_H
#define CORE_SVM_IOAPIC_H

#include "svm/cpu.h"

enum door_kind { DOOR_IOAPIC, DOOR_HPET, DOOR_PCI, DOOR_BYTES };

void door_page_add(uint64_t pa, enum door_kind kind, uint8_t devfn);
void door_pages_init(const uint8_t *madt, const uint8_t *hpet);

bool door_page(uint64_t pa);	  /* pa lies in such a page */
bool door_in_region(uint64_t pa); /* the 2 MiB region around pa has one */

/* #NPF of the host: a write to such a page. Done or refused, or an exception is injected. */
void door_host_write(struct cpu *cpu, uint64_t gpa);

#endif
