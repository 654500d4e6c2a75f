// SPDX-License-Identifier: Apache-2.0
// Answers that the host makes up.
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "attack.h"

#define ENTRIES	 256
#define FORGED	 0xf0f0f0f0u
#define MSRS_MAX 6

/* How many of these MSRs of the guest KVM has set to their values. */
static int set_msrs(const struct vm *vm, const struct kvm_msr_entry *entries, unsigned n)
{
	uint64_t room[sizeof(struct kvm_msrs) / 8 + MSRS_MAX * sizeof(*entries) / 8];
	struct kvm_msrs *m = (struct kvm_msrs *)(void *)room;

	memset(room, 0, sizeof(room));
	m->nmsrs = n;
	memcpy(m->entries, entries, n * sizeof(*entries));
	return ioctl(vm->vcpu, KVM_SET_MSRS, m);
}

ATTACK(forged_cpuid, "QEMU, KVM", ON_GUEST,
       "QEMU forges leaves of CPUID: vendor, features, hypervisor, memory encryption. Gained: "
       "forged words that the guest is told.")
{
	static const uint32_t leaf[] = {0, 1, 0x40000000, 0x80000001, 0x8000000a, 0x8000001f};
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + ENTRIES * sizeof(c->entries[0]));
	struct vm vm;
	uint64_t word;

	if (!c)
		die("memory");
	victim(&vm, TASK_CPUID, 0, 0);
	c->nent = ENTRIES;
	if (ioctl(vm.kvm, KVM_GET_SUPPORTED_CPUID, c))
		die("KVM_GET_SUPPORTED_CPUID");
	for (unsigned i = 0; i < sizeof(leaf) / sizeof(leaf[0]); i++) {
		unsigned n = 0;

		while (n < c->nent && c->entries[n].function != leaf[i])
			n++;
		if (n == c->nent && c->nent < ENTRIES)
			c->nent++;
		c->entries[n].function = leaf[i];
		c->entries[n].ebx = FORGED;
		if (leaf[i] & 0xff) /* but the highest leaf: what is above is not looked up */
			c->entries[n].eax = c->entries[n].edx = FORGED;
		else
			c->entries[n].edx = FORGED;
		c->entries[n].eax = leaf[i] & 0xff ? FORGED : leaf[i] | 0x1f;
		tried(1);
	}
	/* A vCPU that has run keeps its CPUID: this one has not. */
	if (ioctl(vm.vcpu, KVM_SET_CPUID2, c))
		die("KVM_SET_CPUID2");
	for (unsigned i = 0; i < 24; i++) {
		expect(hears(&vm, &word), "the guest does not work");
		gained(word == FORGED);
	}
	vm_close(&vm);
	free(c);
}

ATTACK(forged_msr, "QEMU, KVM", ON_GUEST,
       "QEMU writes the guest's MSRs (system call entries, KERNEL_GS_BASE, SYSENTER) at its exits. "
       "Gained: MSRs that the guest finds changed.")
{
	static const uint32_t msr[] = {0xc0000082, 0xc0000083, 0xc0000102,
				       0x175,	   0x176,      0xc0000081};
	struct kvm_msr_entry entry[MSRS_MAX];
	struct vm vm;
	uint64_t word;

	for (unsigned i = 0; i < 6; i++)
		entry[i] = (struct kvm_msr_entry){.index = msr[i], .data = 0x123400};
	victim(&vm, TASK_OWN_MSRS, 0, 0);
	for (unsigned round = 0; round < 4; round++) {
		expect(hears(&vm, &word) && word == SAY_PAGES, "the guest does not work");
		int n = set_msrs(&vm, entry, 6);
		expect(n == 6, "KVM_SET_MSRS took %d", n);
		tried(6);
		expect(hears(&vm, &word), "the guest does not work");
		gained(word);
	}
	vm_close(&vm);
}

ATTACK(forged_tsc, "QEMU, KVM", ON_GUEST,
       "QEMU sets the guest's time stamp counter back and forth at its exits. Gained: jumps that "
       "the guest sees.")
{
	struct vm vm;
	uint64_t last, now;

	victim(&vm, TASK_CLOCK, 0, 0);
	expect(hears(&vm, &last), "the guest does not work");
	for (unsigned i = 0; i < 20; i++) {
		struct kvm_msr_entry tsc = {.index = 0x10, .data = i % 2 ? 0 : 1ull << 50};

		expect(set_msrs(&vm, &tsc, 1) == 1, "KVM does not set the TSC");
		tried(1);
		expect(hears(&vm, &now), "the guest does not work");
		gained(now < last || now - last > 1u << 14); /* in units of 2^32 */
		last = now;
	}
	vm_close(&vm);
}

ATTACK(host_acpi, "QEMU", ON_GUEST,
       "QEMU puts ACPI root pointers everywhere that a kernel looks for them, before the guest "
       "starts and while it runs. Gained: root pointers that the guest finds.")
{
	static const char rsdp[8] = "RSD PTR ";
	struct vm vm;
	uint64_t word;

	vm_open(&vm);
	for (unsigned round = 0; round < 3; round++) {
		for (uint32_t at = 0x9fc00; at < 0x100000; at += 16) {
			memcpy(vm.ram + at, rsdp, sizeof(rsdp));
			tried(1);
		}
		if (!round && zone)
			vm_protect(&vm, TASK_ACPI, 0, 0);
		else if (!round)
			vm_plain(&vm, TASK_ACPI);
		if (!hears(&vm, &word))
			break; /* in its RAM, that is its own page that was written */
		gained(word);
	}
	vm_close(&vm);
}
