// SPDX-License-Identifier: Apache-2.0
// What a VMM can do to a vCPU as such: reset, INIT, SMI, debugging.
#include <string.h>
#include <sys/ioctl.h>
#include "attack.h"

#define PAGES 16u

/* The vCPU starts again, at the host's code, in the victim's memory. */
static void takes_over(struct vm *vm)
{
	struct kvm_regs r;
	struct kvm_sregs s, fresh;
	struct vm model;

	vm_open(&model);
	vm_plain(&model, TASK_LOOK);
	vm_regs(&model, &r, &fresh);
	/* Code and tables as an ordinary guest has them; the pages in question stay. */
	memcpy(vm->ram, model.ram, PAGES_GPA);
	*(volatile uint32_t *)(void *)(vm->ram + SHARED_GPA) = PAGES;
	vm_close(&model);
	/* First as after INIT: by this the Core knows a guest that begins anew. */
	ioctl(vm->vcpu, KVM_GET_SREGS, &s);
	s.cr0 = 0x60000010;
	s.cr4 = s.efer = 0;
	s.cs.l = 0;
	s.cs.selector = 0;
	s.cs.base = 0;
	vm->ram[0] = 0xf4;
	struct kvm_regs zero = {.rflags = 2};
	expect(vm_set_sregs(vm, &s), "KVM_SET_SREGS");
	vm_set_regs(vm, &zero);
	vm_next(vm);
	memcpy(vm->ram, "\0\0\0\0", 4);
	expect(vm_set_sregs(vm, &fresh), "KVM_SET_SREGS");
	vm_set_regs(vm, &r);
}

ATTACK(vcpu_init, "QEMU, KVM", ON_GUEST,
       "KVM gives a vCPU the state after INIT, then lets it run the host's code in the guest's "
       "memory. Gained: bytes of secret words that this code reads.")
{
	for (unsigned i = 0; i < 4; i++) {
		struct vm vm;
		uint64_t word;

		victim(&vm, TASK_ROUNDS, PAGES, 0);
		expect(hears(&vm, &word) && word == SAY_PAGES, "the guest does not work");
		takes_over(&vm);
		tried(1);
		expect(hears(&vm, &word), "the host's code does not run");
		gained(word * 8);
		if (zone)
			outcome("%s", zone_info(&vm).reason);
		vm_close(&vm);
	}
}

static unsigned secrets_in(const uint8_t *data, size_t bytes)
{
	unsigned n = 0;

	for (size_t i = 0; i + 8 <= bytes; i++) {
		uint64_t word;
		memcpy(&word, data + i, 8);
		n += word == SECRET;
	}
	return n;
}

ATTACK(vcpu_smi, "QEMU, KVM", ON_GUEST,
       "KVM sends the guest an SMI at each exit: its registers would be stored into memory, and "
       "the host's code run in SMM. Gained: bytes of secrets in that memory.")
{
	for (unsigned i = 0; i < 4; i++) {
		struct vm vm;
		struct happened h;

		victim(&vm, TASK_SECRETS, 0, 0);
		/* One to four exits on. */
		for (unsigned n = 0; n <= i; n++) {
			h = vm_next(&vm);
			if (h.what == EVENT_IN || h.what == EVENT_MMIO_READ)
				memset(h.data, 0, h.size < 8 ? h.size : 8);
		}
		/* SMM is an address space of its own to KVM: the same memory in it. */
		vm_slot(&vm, 1u << 16, 0, RAM_BYTES, vm.ram);
		if (ioctl(vm.vcpu, KVM_SMI, 0)) {
			outcome("KVM has no SMM");
			vm_close(&vm);
			continue;
		}
		tried(1);
		memset(vm.ram + 0x38000, 0xf4, 0x100); /* SMBASE + 0x8000: HLT */
		vm_next(&vm);
		gained(8ull * secrets_in(vm.ram + 0x30000, 0x10000));
		if (zone && zone_info(&vm).state == CL_ZONE_DEAD)
			outcome("the zone ended: %s", zone_info(&vm).reason);
		vm_close(&vm);
	}
}

ATTACK(debugger, "QEMU, KVM", ON_GUEST,
       "KVM single-steps the guest and sets breakpoints into its code. Gained: debug exits.")
{
	struct vm vm;
	uint64_t word;

	victim(&vm, TASK_ROUNDS, PAGES, 0);
	expect(hears(&vm, &word) && word == SAY_PAGES, "the guest does not work");
	struct kvm_guest_debug debug = {.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |
						   KVM_GUESTDBG_USE_HW_BP};
	for (unsigned i = 0; i < 4; i++)
		debug.arch.debugreg[i] = GUEST_GPA + i * 0x100;
	debug.arch.debugreg[7] = 0xff;
	for (unsigned i = 0; i < 20; i++) {
		if (ioctl(vm.vcpu, KVM_SET_GUEST_DEBUG, &debug))
			die("KVM_SET_GUEST_DEBUG");
		tried(1);
		struct happened h = vm_next(&vm);
		/*
		 * Of a zone KVM steps over its own idea only: the frozen face, not the code. Told
		 * is where the CPU really was.
		 */
		gained(h.what == EVENT_OTHER && h.value == KVM_EXIT_DEBUG &&
		       vm.run->debug.arch.pc >= GUEST_GPA && vm.run->debug.arch.pc < STACK);
		if (h.what == EVENT_SHUTDOWN || h.what == EVENT_ERROR)
			break;
	}
	vm_close(&vm);
}
