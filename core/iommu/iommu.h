/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMD-Vi, the Core's alone: devices reach the memory that the host's nested table maps as the
 * host's RAM, and nothing else, since the IOMMU walks that same table (svm/npt.h). The host finds
 * no IOMMU: not in ACPI, not at its registers, not in PCI configuration space.
 *
 * Interrupts of devices are not remapped.
 */
#ifndef CORE_IOMMU_IOMMU_H
#define CORE_IOMMU_IOMMU_H

#include "lib/types.h"

#define IOMMU_MAX	8u
#define IOMMU_MMIO_SIZE 0x4000ull

/* ACPI's table of the IOMMUs (section 5.2 of the specification that iommu.c names). */
struct ivrs {
	struct ivrs_unit {
		uint64_t base;	/* its registers */
		uint16_t devid; /* its PCI function */
		uint8_t flags;	/* IVHD flags */
	} unit[IOMMU_MAX];
	unsigned nr;
};

/*
 * Read the table. 0, or -CL_ENOENT (no IOMMU in it), -CL_EINVAL (malformed), -CL_ENOSYS (a PCI
 * segment or an address that the Core has no way to), -CL_ENOSPC (more than IOMMU_MAX).
 */
int ivrs_parse(const uint8_t *table, uint32_t size, struct ivrs *out);

/* The IOMMUs that were found, or none. */
extern struct ivrs iommus;

/* Find them, and hide ACPI's table of them from the host; rsdp: the root pointer or 0. */
void iommu_find(uint64_t rsdp);

/* Put all devices under this table. Without an IOMMU, or if one fails: nothing; see iommu_name. */
void iommu_start(uint64_t root);

/* For reports: "amd-vi" or "none". */
const char *iommu_name(void);

/* Registers or configuration space of an IOMMU in [pa, pa + size): nothing of it for the host. */
bool iommu_hides(uint64_t pa, uint64_t size);

/*
 * Translations of these frames have been taken from the table: when this returns no device uses
 * them, and DMA that did is over. Nothing needs to be said of new ones.
 */
void iommu_unmap(uint64_t pfn, uint64_t n);

/* Look into the event log now and then. */
void iommu_poll(void);

/* DMA that was blocked: events that the IOMMU logged, or, where it logs none, times it said so. */
extern uint64_t iommu_blocked;

/*
 * PCI configuration space by ports, with the IOMMUs' functions cut out. The address is a register
 * of the Core's: one CPU could change the real one between the check and the access of another.
 */
#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc

/*
 * An access of the host to an intercepted port. False: to none of these, or not as they are used;
 * else *value has been written, or is what the host reads.
 */
extern uint32_t config_address; /* as the host wrote it */
bool config_io(uint16_t port, unsigned size, bool in, uint32_t *value);

#endif
