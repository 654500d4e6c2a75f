/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ACPI tables of a zone. They describe one fixed machine, QEMU's q35 as its firmware leaves
 * it, are part of the launch image and so are measured: AML that the host supplies would run with
 * the zone kernel's rights.
 */
#ifndef CLOISTER_LAUNCH_ACPI_H
#define CLOISTER_LAUNCH_ACPI_H

#include <stdint.h>

#define ACPI_REGION_BYTES 8192u

/*
 * Build all tables into `region`, which the guest sees at `gpa` (below 4 GiB, page aligned); the
 * RSDP comes first. Returns the bytes used, or -ENOSPC.
 */
int acpi_build(uint8_t region[ACPI_REGION_BYTES], uint64_t gpa, uint32_t vcpus);

#endif
