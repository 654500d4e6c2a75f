// SPDX-License-Identifier: Apache-2.0
#include <sys/ioctl.h>
#include "attack.h"

static bool has_error_code(uint32_t vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 ||
	       vector == 29 || vector == 30;
}

/* The guest sleeps; the event; does it arrive? */
static bool arrives(struct vm *vm, uint32_t vector, bool exception)
{
	struct kvm_interrupt interrupt = {.irq = vector};
	struct kvm_vcpu_events e;
	struct happened h;

	do
		h = vm_next(vm);
	while (h.what == EVENT_OUT);
	expect(h.what == EVENT_HLT, "the guest does not sleep: event %d", h.what);
	if (exception) {
		if (ioctl(vm->vcpu, KVM_GET_VCPU_EVENTS, &e))
			die("KVM_GET_VCPU_EVENTS");
		e.exception.injected = 1;
		e.exception.nr = (uint8_t)vector;
		e.exception.has_error_code = has_error_code(vector);
		e.exception.error_code = 0;
		if (ioctl(vm->vcpu, KVM_SET_VCPU_EVENTS, &e))
			return false; /* KVM's own rules */
	} else if (ioctl(vm->vcpu, KVM_INTERRUPT, &interrupt)) {
		die("KVM_INTERRUPT");
	}
	tried(1);
	h = vm_next(vm);
	if (h.what == EVENT_OUT && h.address == IRQ && h.value == vector)
		return true;
	/* The CPU itself may refuse the entry: there is no exception 31. */
	expect((h.what == EVENT_OUT && h.address == SAY) ||
		       (h.what == EVENT_OTHER && h.value == KVM_EXIT_FAIL_ENTRY),
	       "vector %u: event %d, value %lld", vector, h.what, (long long)h.value);
	return false;
}

/* A guest for each try: an exception that comes as an interrupt leaves a strange stack behind. */
static void each(uint32_t first, uint32_t last, bool exception)
{
	struct vm vm;

	victim(&vm, TASK_TELL, 0, 0);
	for (uint32_t vector = first; vector <= last; vector++) {
		/* NMI: the host may send one. #DB and #BP: KVM wants a debugger behind them. */
		if (vector == 2 || (exception && (vector == 1 || vector == 3 || vector == 8)))
			continue;
		gained(arrives(&vm, vector, exception));
	}
	vm_close(&vm);
}

ATTACK(inject_exceptions, "QEMU, KVM", ON_GUEST,
       "KVM injects each exception, and each of their vectors as an interrupt, #VC among them. "
       "Gained: events that reach the guest's kernel.")
{
	each(0, 31, true);
	each(0, 31, false);
}

ATTACK(inject_int80, "QEMU, KVM", ON_GUEST,
       "KVM injects an interrupt with vector 0x80, Linux's old system call. Gained: as above.")
{
	each(0x80, 0x80, false);
}
