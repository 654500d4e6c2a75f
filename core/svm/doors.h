/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doors: I/O ports and configuration registers by which the host could reset the machine, put it
 * to sleep, or have a chip write memory behind the Core's back. All roads of host and guests to an
 * intercepted port come here.
 *
 * Until zones run beside other CPUs: callers hold what serialises host exits (an index register
 * and its data register are read and written here as a pair).
 */
#ifndef CORE_SVM_DOORS_H
#define CORE_SVM_DOORS_H

#include "lib/types.h"

/* Reads ACPI's tables, so before the host runs; and before frame_init, which asks for pages. */
void doors_init(uint64_t rsdp);

/* Set the ports to intercept. */
void doors_iopm(uint8_t *iopm);

/* An access of 1, 2 or 4 bytes to an intercepted port; returns the new RAX. May not return. */
uint64_t doors_io(uint16_t port, unsigned size, bool in, uint64_t rax);

/* One byte of a device write, by its physical address: may it pass? May not return. */
bool doors_mmio_byte(uint64_t pa, uint8_t value);

/* Registers of PCI function 0:devfn that the Core keeps as they are. */
bool doors_pci_frozen(uint8_t devfn, uint64_t at, unsigned size);

/* Scrub, then reset the machine for real. */
void machine_reset(const char *why) __attribute__((noreturn));

#endif
