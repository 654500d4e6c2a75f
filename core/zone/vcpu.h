/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A zone's vCPU between the host and the CPU. The Core keeps all registers; the host sees a fixed
 * face and, exit by exit, only what it must know to do its part (design, section 3).
 */
#ifndef CORE_ZONE_VCPU_H
#define CORE_ZONE_VCPU_H

#include "svm/walk.h"
#include "zone/zone.h"

/* Where the face's instruction pointer stands; the host steps over an instruction from here. */
#define FACE_RIP 0x1000ull

/*
 * The host executes VMRUN on the VMCB at pa. False if it stands for no zone; else the zone runs
 * next, or the host has its answer already.
 */
bool vcpu_enter(struct cpu *cpu, uint64_t pa);

/* From a launch that has just succeeded: the zone runs next, without the host in between. */
void vcpu_begin(struct cpu *cpu, struct zone_vcpu *vcpu);

/* Enter the zone once and handle its exit. */
void vcpu_run(struct cpu *cpu);

/* The zone's vCPU does not go on here, and the host learns nothing: its registers are stored. */
void vcpu_leave(struct cpu *cpu);

/* What the host gets to see of an exit. */
struct face_exit {
	uint64_t code, info1, info2;
	uint64_t rax, rcx, rdx, rdi;
	uint8_t insn[4];
	uint8_t insn_len;
};

/* #VMEXIT to the host. */
void vcpu_to_host(struct cpu *cpu, const struct face_exit *exit);

/* The zone that has just exited ends, and why; the host sees a shutdown. */
void vcpu_kill(struct cpu *cpu, struct zone_vcpu *vcpu, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Guest-virtual memory of the zone; private pages only, opened as needed. */
void vcpu_space(struct zone_vcpu *vcpu, struct space *space);

/* exit.c: handle the exit that vcpu_run took; complete what the host has done. */
void exit_handle(struct cpu *cpu, struct zone_vcpu *vcpu);
void exit_complete(struct zone_vcpu *vcpu, const struct vmcb *h);

/* cpuid.c, msr.c: answered by the Core alone. */
void zone_cpuid(struct zone_vcpu *vcpu);
int zone_msr_read(struct zone_vcpu *vcpu, uint32_t msr, uint64_t *value);
int zone_msr_write(struct zone_vcpu *vcpu, uint32_t msr, uint64_t value);
void zone_msr_permissions(uint8_t *msrpm);

/* The shared side is built anew; the vCPU is not in the guest. */
void vcpu_drop_view(struct zone_vcpu *vcpu);

/* What all vCPUs share; once. */
void vcpus_init(void);
extern const uint8_t *zone_zeros; /* a page of them, for private_hole() */

/* Permission maps and intercepts of a new vCPU; -CL_ENOMEM. */
int vcpu_init(struct zone_vcpu *vcpu);

#endif
