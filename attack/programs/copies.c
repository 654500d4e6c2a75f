// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "attack.h"

#define PAGES	     8u
#define TRIES	     3u
#define COPY_SECONDS 4u /* for a copy that neither runs nor ends */

/* All that the VMM has of a running guest, put into a second one. */
static void clone_of(const struct vm *vm, struct vm *copy)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	vm_open(copy);
	ioctl(vm->vcpu, KVM_GET_REGS, &r);
	ioctl(vm->vcpu, KVM_GET_SREGS, &s);
	memcpy(copy->ram, vm->ram, RAM_BYTES);
	vm_set_regs(copy, &r);
	expect(vm_set_sregs(copy, &s), "KVM_SET_SREGS");
	copy->handle = vm->handle;
}

ATTACK(two_copies, "QEMU", ON_GUEST,
       "QEMU copies memory and registers of a running guest into a second one, and launches the "
       "same image twice under one handle. Gained: copies that go on where the first one was, or "
       "that share its identity.")
{
	for (unsigned i = 0; i < TRIES; i++) {
		struct vm vm, copy;
		uint64_t word;

		victim(&vm, TASK_ROUNDS, PAGES, 0);
		expect(hears(&vm, &word) && word == SAY_PAGES, "the guest does not work");
		clone_of(&vm, &copy);
		tried(1);
		/* The copy may say its last word once more: KVM had not finished that OUT. */
		alarm(COPY_SECONDS);
		bool lives = hears(&copy, &word);
		if (lives && word == SAY_PAGES)
			lives = hears(&copy, &word);
		gained(lives && word == 0);
		alarm(COPY_SECONDS * 10);
		copy.handle = 0;
		vm_close(&copy);
		if (zone) {
			struct vm twin;
			uint64_t instance = zone_info(&vm).instance;

			vm_open(&twin);
			twin.handle = vm.handle;
			*(volatile uint32_t *)(void *)(twin.ram + SHARED_GPA) = PAGES;
			vm_protect(&twin, TASK_ROUNDS, 0, 0);
			tried(1);
			expect(hears(&twin, &word), "the second launch does not run");
			gained(zone_info(&twin).instance == instance);
			/* The same words, the same versions: is it the same ciphertext? */
			gained(!memcmp(page_of(&vm, 1), page_of(&twin, 1), PAGE));
			vm_close(&twin);
			/* Under that handle the Core now tells of the twin. */
			struct cl_zone_ref ref = {.instance = instance};
			expect(!core_call(CL_OP_ZONE_END, &ref, sizeof(ref)), "ZONE_END");
		}
		vm_close(&vm);
	}
}
