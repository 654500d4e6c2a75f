/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a zone's other vCPUs start: where the zone asked, in the state that the Core makes.
 *
 *   1. The zone writes INIT, then a start-up interrupt, to the APIC that the host plays. The host
 *      learns of both as of any device access; the Core notes the vCPU and the vector.
 *   2. The host brings a VMCB that is at that start-up vector, of a guest whose memory is the
 *      zone's: start_adopt binds it to the vCPU. Its registers are not looked at.
 *   3. The vCPU begins in real mode, its plain addresses private. Linux's start-up code loads CR3
 *      without the C-bit (32-bit moves cannot carry it) and walks page tables that have it: that
 *      #NPF ends the flat time, and CR3 gets the bit.
 */
#ifndef CORE_ZONE_START_H
#define CORE_ZONE_START_H

#include "zone/vcpu.h"

/* A vCPU writes to the page of its APIC. */
void start_apic_write(struct zone_vcpu *vcpu, uint64_t offset, uint32_t value);

/* VMRUN of a VMCB that stands for no vCPU yet. True if the Core has dealt with it. */
bool start_adopt(struct cpu *cpu, uint64_t pa);

/* A flat vCPU has met an address with the C-bit: it is in long mode. */
void start_long_mode(struct zone_vcpu *vcpu);

#endif
