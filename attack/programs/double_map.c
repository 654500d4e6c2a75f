// SPDX-License-Identifier: Apache-2.0
#include "attack.h"

#define PAGES  64u
#define ROUNDS 3u

ATTACK(double_map, "QEMU", ON_GUEST,
       "QEMU gives the guest's memory to a second guest as well, which reads it. Gained: secret "
       "words that the second guest sees, in bytes.")
{
	void *ram = shared_ram();
	struct vm vm, spy;
	uint64_t word;

	victim_in(&vm, TASK_ROUNDS, PAGES, ram);
	/* The spy's own code and tables elsewhere; only the pages in question are the victim's. */
	vm_open(&spy);
	vm_slot(&spy, 0, 0, 0, NULL);
	vm_slot(&spy, 0, 0, PAGES_GPA, spy.ram);
	vm_slot(&spy, 1, PAGES_GPA, PAGES * PAGE, page_of(&vm, 0));
	vm_slot(&spy, 2, SHARED_GPA, 2u << 20, spy.ram + SHARED_GPA);
	*(volatile uint32_t *)(void *)(spy.ram + SHARED_GPA) = PAGES;
	vm_plain(&spy, TASK_LOOK);
	for (unsigned i = 0; i < ROUNDS; i++) {
		expect(hears(&vm, &word) && word == SAY_PAGES, "the guest does not work");
		expect(hears(&spy, &word), "the second guest does not work");
		gained(word * 8);
		tried(PAGES);
		expect(hears(&vm, &word) && word == 0, "the guest has lost pages");
	}
	vm_close(&spy);
	vm_close(&vm);
	free_ram(ram);
}
