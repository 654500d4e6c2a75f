// SPDX-License-Identifier: Apache-2.0
#include "attack.h"

#define PAGES 8u

ATTACK(alias, "QEMU", ON_GUEST,
       "QEMU backs pages of the guest with one and the same frame, so that one write changes them "
       "all. Gained: words that the guest reads from the wrong page.")
{
	for (unsigned twice = 1; twice < PAGES; twice++) {
		struct vm vm;
		uint64_t word;

		vm_open(&vm);
		*(volatile uint32_t *)(void *)(vm.ram + SHARED_GPA) = PAGES;
		vm_slot(&vm, 0, 0, 0, NULL);
		vm_slot(&vm, 0, 0, PAGES_GPA, vm.ram);
		for (unsigned i = 0; i < PAGES; i++)
			vm_slot(&vm, 1 + i, PAGES_GPA + i * PAGE, PAGE,
				vm.ram + PAGES_GPA + (i == twice ? 0 : i) * PAGE);
		vm_slot(&vm, 1 + PAGES, PAGES_GPA + PAGES * PAGE,
			RAM_BYTES - PAGES_GPA - PAGES * PAGE, vm.ram + PAGES_GPA + PAGES * PAGE);
		if (zone)
			vm_protect(&vm, TASK_ROUNDS, 0, 0);
		else
			vm_plain(&vm, TASK_ROUNDS);
		tried(1);
		/* The zone may end at its first write, or at its first read. */
		if (hears(&vm, &word) && hears(&vm, &word))
			gained(word);
		vm_close(&vm);
	}
}
