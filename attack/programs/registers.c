// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include <sys/ioctl.h>
#include "attack.h"

#define WORDS 6u /* times that TASK_SECRETS tells how its registers are */

static unsigned secrets_in(const void *data, size_t bytes)
{
	const uint32_t low = (uint32_t)SECRET, high = (uint32_t)(SECRET >> 32);
	unsigned n = 0;

	for (size_t i = 0; i + 4 <= bytes; i++) {
		uint32_t word;
		memcpy(&word, (const uint8_t *)data + i, 4);
		n += word == low || word == high;
	}
	return n;
}

static void answer(const struct happened *h)
{
	if (h->what == EVENT_IN || h->what == EVENT_MMIO_READ)
		memset(h->data, 0, h->size < 8 ? h->size : 8);
}

ATTACK(registers_read, "QEMU, KVM", ON_GUEST,
       "At every exit of a guest with secrets in all registers, KVM is asked for all of them. "
       "Gained: bytes of secrets.")
{
	static struct {
		struct kvm_regs regs;
		struct kvm_sregs sregs;
		struct kvm_fpu fpu;
		struct kvm_debugregs debug;
		uint8_t xsave[4096];
	} all;
	struct vm vm;

	victim(&vm, TASK_SECRETS, 0, 0);
	for (unsigned words = 0; words < WORDS;) {
		struct happened h = vm_next(&vm);

		if (h.what == EVENT_SHUTDOWN || h.what >= EVENT_INTERRUPTED) {
			expect(false, "event %d", h.what);
			break;
		}
		words += h.what == EVENT_OUT && h.address == SAY;
		vm_regs(&vm, &all.regs, &all.sregs);
		if (ioctl(vm.vcpu, KVM_GET_FPU, &all.fpu) ||
		    ioctl(vm.vcpu, KVM_GET_XSAVE, all.xsave) ||
		    ioctl(vm.vcpu, KVM_GET_DEBUGREGS, &all.debug))
			die("registers");
		tried(1);
		gained(4ull * secrets_in(&all, sizeof(all)));
		gained(4ull * secrets_in(vm.run, 2048));
		answer(&h);
	}
	vm_close(&vm);
}

ATTACK(registers_write, "QEMU, KVM", ON_GUEST,
       "At every exit KVM writes all registers. Gained: registers that the guest finds changed.")
{
	struct vm vm;

	victim(&vm, TASK_SECRETS, 0, 0);
	for (unsigned words = 0; words < WORDS;) {
		struct kvm_regs r;
		struct kvm_sregs s;
		struct happened h = vm_next(&vm);

		if (h.what == EVENT_SHUTDOWN || h.what >= EVENT_INTERRUPTED) {
			expect(false, "event %d", h.what);
			break;
		}
		if (h.what == EVENT_OUT && h.address == SAY) {
			words++;
			/* One count in each of three parts of the word. */
			gained((h.value & 0xff) + (h.value >> 8 & 0xff) + (h.value >> 16 & 0xff));
			continue; /* the guest's stack is of no use to it once RSP is ours */
		}
		answer(&h);
		if (h.what == EVENT_MMIO_READ || h.what == EVENT_IN || h.what == EVENT_MMIO_WRITE)
			continue; /* KVM has not finished the instruction */
		vm_regs(&vm, &r, &s);
		r.rbx = r.rdi = r.rsi = r.rbp = r.r8 = r.r9 = 0xa5a5a5a5a5a5a5a5;
		r.r10 = r.r11 = r.r12 = r.r13 = r.r14 = r.r15 = 0xa5a5a5a5a5a5a5a5;
		s.cr2 = 0xa5a5a5a5;
		vm_set_regs(&vm, &r);
		expect(vm_set_sregs(&vm, &s), "KVM_SET_SREGS");
		tried(1);
	}
	vm_close(&vm);
}
