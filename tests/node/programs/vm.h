/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VMM that owes its guests nothing: /dev/kvm and the Core's port, with every field in reach.
 * One guest, one vCPU, no devices.
 */
#ifndef TESTS_VM_H
#define TESTS_VM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cloister/call.h>
#include "guest.h"

#define RAM_BYTES (64ull << 20)
#define SEGMENTS  4u /* of the launch image, at least */

struct vm {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	size_t run_bytes;
	uint8_t *ram;
	void *mapped;
	uint64_t handle;
	struct cl_launch_desc *desc; /* in guest memory */
};

enum event {
	EVENT_OUT, /* port, size, value */
	EVENT_IN,  /* answer goes to *data */
	EVENT_MMIO_READ,
	EVENT_MMIO_WRITE, /* address, size, value */
	EVENT_HLT,
	EVENT_SHUTDOWN,
	EVENT_INTERRUPTED,
	EVENT_ERROR, /* KVM_RUN failed: value = errno */
	EVENT_OTHER, /* value = KVM's exit reason */
};

struct happened {
	enum event what;
	uint64_t address;
	uint32_t size;
	uint64_t value;
	uint8_t *data;
};

/* Guest with 64 MiB, in 64-bit mode, a valid descriptor in place. */
void vm_open(struct vm *vm);
void vm_free_ram(struct vm *vm);
void vm_close(struct vm *vm); /* ends the zone, too, if it is one */

/* The next VM entry asks the Core for a zone that runs this task. */
void vm_protect(struct vm *vm, enum task task, uint64_t window, uint64_t idle);
/* After vm_protect: without touching memory first, in whatever mode the vCPU is. */
void vm_protect_at_once(struct vm *vm);
/* The next VM entry runs the task without any zone. */
void vm_plain(struct vm *vm, enum task task);

/* The same vCPU, and so the same VMCB, for another guest: new RAM, 64-bit mode, TASK_SPIN. */
void vm_renew(struct vm *vm);

struct happened vm_next(struct vm *vm);

/* The next thing is a word for SAY: give it; else a failure, and ~0. */
uint64_t vm_said(struct vm *vm);
/* Runs until the guest says this. */
bool vm_until(struct vm *vm, uint64_t word);
/* The next entry ends in a shutdown, and the Core has noted the reason. */
void vm_dies(struct vm *vm, const char *reason);

/* A guest that should have lived has not: all that is known of it, then exit. What would follow
 * says nothing of the Core, and hides what happened first. */
void vm_lost(struct vm *vm, const struct happened *h) __attribute__((noreturn));

void vm_slot(struct vm *vm, unsigned slot, uint64_t gpa, uint64_t bytes, void *memory);
void vm_regs(struct vm *vm, struct kvm_regs *regs, struct kvm_sregs *sregs);
void vm_set_regs(struct vm *vm, const struct kvm_regs *regs);
bool vm_set_sregs(struct vm *vm, const struct kvm_sregs *sregs);

long core_call(uint32_t op, void *argument, size_t bytes);
long core_call_at(uint32_t op, uint64_t address, uint64_t bytes);
struct cl_core_info core_info(void);
struct cl_zone_info zone_info(const struct vm *vm);

/* Count a failure and go on. */
void expect(bool condition, const char *format, ...) __attribute__((format(printf, 2, 3)));
void die(const char *what) __attribute__((noreturn));
extern unsigned failures;

#endif
