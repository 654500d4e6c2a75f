// SPDX-License-Identifier: Apache-2.0
// A hostile kernel in a zone, against the Core, its neighbours and the host.
#include <string.h>
#include "attack.h"

#define PAGES 32u

static const char why[] = "an ordinary guest is KVM's to contain: there is no Core beneath it";

/* A zone that must come through unharmed, whatever its neighbour does. */
static void neighbour_starts(struct vm *vm)
{
	uint64_t word;

	vm_open(vm);
	*(volatile uint32_t *)(void *)(vm->ram + SHARED_GPA) = PAGES;
	vm_protect(vm, TASK_ROUNDS, CL_WINDOW_MIN, 0);
	expect(hears(vm, &word) && word == SAY_PAGES, "the neighbour does not work");
}

static void neighbour_ends(struct vm *vm)
{
	uint64_t word = 0;

	gained(!hears(vm, &word));
	gained(word);
	vm_close(vm);
}

static void hostile(struct vm *vm, enum task task, uint32_t count)
{
	vm_open(vm);
	*(volatile uint32_t *)(void *)(vm->ram + SHARED_GPA) = count;
	*(volatile uint32_t *)(void *)(vm->ram + SHARED_GPA + 4) = (uint32_t)random64();
	vm_protect(vm, task, CL_WINDOW_MIN, 0);
}

ATTACK(zone_msrs, "zone kernel", why,
       "A zone writes all ones to some 5000 MSRs. Gained: writes that were taken beyond the dozen "
       "that are its own.")
{
	struct vm vm, other;
	uint64_t word;

	neighbour_starts(&other);
	hostile(&vm, TASK_WRITE_MSRS, 0);
	expect(hears(&vm, &word), "the zone does not get to its end");
	tried(0xfff + 0x10 + 0x90 + 0x400);
	/*
	 * Its own: TSC, SYSENTER (3), STAR, LSTAR, CSTAR, SFMASK, FS, GS, KERNEL_GS, TSC_AUX; taken
	 * and forgotten: patch level, HWCR, DE_CFG.
	 */
	gained(word > 15 ? word - 15 : 0);
	outcome("%u writes taken, none of them the machine's", (unsigned)word);
	vm_close(&vm);
	neighbour_ends(&other);
}

ATTACK(zone_ports, "zone kernel", why,
       "A zone writes all ones to 4084 I/O ports. Gained: writes that the machine got instead of "
       "the VMM.")
{
	struct vm vm, other;
	unsigned seen = 0;
	const unsigned ports = 0x1000 - 12;

	neighbour_starts(&other);
	hostile(&vm, TASK_WRITE_PORTS, 0);
	for (;;) {
		struct happened h = vm_next(&vm);

		if (h.what != EVENT_OUT || (h.address == SAY && h.value == DONE))
			break;
		seen++;
	}
	tried(ports);
	gained(seen < ports ? ports - seen : 0);
	outcome("%u of %u writes came to the VMM", seen, ports);
	vm_close(&vm);
	neighbour_ends(&other);
}

ATTACK(zone_calls, "zone kernel", why,
       "A zone makes 20000 calls to the Core with random operations, addresses and sizes. Gained: "
       "calls that are not a zone's and were answered, Core pages lost.")
{
	const uint32_t calls = 20000;
	struct vm vm, other;
	uint64_t word = 0;

	neighbour_starts(&other);
	uint64_t refused = core_info().refused;
	hostile(&vm, TASK_RANDOM_CALLS, calls);
	expect(hears(&vm, &word), "the zone does not get to its end");
	gained(word);
	refused = core_info().refused - refused;
	tried(refused);
	outcome("%llu calls refused and counted", (unsigned long long)refused);
	vm_close(&vm);
	neighbour_ends(&other);
}

ATTACK(zone_tables, "zone kernel", why,
       "60 zones load page tables of random words and walk through all that they map. Gained: "
       "Core pages lost, words of the neighbour's changed.")
{
	struct vm other;

	neighbour_starts(&other);
	uint64_t pool = core_info().pool_free;
	for (unsigned i = 0; i < 60; i++) {
		struct vm vm;
		uint64_t word;

		vm_open(&vm);
		vm_protect(&vm, TASK_RANDOM_TABLES, CL_WINDOW_MIN, 0);
		for (unsigned w = 1; w < 512; w++) {
			uint64_t entry = random64();

			/* Some that could be right: RAM, present, either side of the C-bit. */
			if (w % 3)
				entry = (entry & 0x8003fff000) | 7 | (entry >> 57 & 0x80);
			memcpy(vm.ram + SHARED_GPA + 8ul * w, &entry, 8);
		}
		hears(&vm, &word);
		tried(511);
		vm_close(&vm);
	}
	/* The first of them may have made what the Core keeps: one page a table, at most. */
	uint64_t after = core_info().pool_free;
	gained(after + 2 < pool ? pool - after : 0);
	neighbour_ends(&other);
}

ATTACK(exhaust_core, "QEMU, loaders", why,
       "QEMUs launch zones of 64 MiB until the Core refuses, three times. Gained: Core pages lost, "
       "zones beyond the limit, words of the neighbour's changed.")
{
	struct vm other, vm[40];

	neighbour_starts(&other);
	uint64_t pool = core_info().pool_free, lost = 0;
	for (unsigned round = 0; round < 3; round++) {
		unsigned n = 0;

		for (; n < 40; n++) {
			vm_open(&vm[n]);
			vm_protect(&vm[n], TASK_SPIN, CL_WINDOW_MIN, 0);
			tried(1);
			struct happened h = vm_next(&vm[n]);
			if (h.what == EVENT_OUT && h.address == REFUSED)
				break;
		}
		gained(n > 32 ? n - 32 : 0);
		for (unsigned i = 0; i <= n && i < 40; i++)
			vm_close(&vm[i]);
		uint64_t after = core_info().pool_free;
		/* The first round makes what the Core keeps. */
		lost = round && after < pool ? lost + pool - after : lost;
		pool = after;
		outcome("the Core refused after %u", n);
	}
	gained(lost);
	neighbour_ends(&other);
}
