// SPDX-License-Identifier: Apache-2.0
// The emulated CPU forgets its nested translations at each VMRUN, so here only a stale table can
// show; on hardware a stale TLB as well. The Core asserts its flushes at each entry besides.
#include "attack.h"

#define PAGES  64u
#define GUESTS 20u /* more than the host's ASIDs, so that each is used again */

ATTACK(stale_tlb, "QEMU", ON_GUEST,
       "Second guests map the memory first and keep on reading it while it becomes the victim's; "
       "20 of them one after another, so that ASIDs are used again. Gained: secret words that "
       "they see, in bytes.")
{
	void *ram = shared_ram();
	struct vm vm, spy[2];
	uint64_t word;

	victim_in(&vm, TASK_ROUNDS, PAGES, ram);
	for (unsigned i = 0; i < GUESTS; i++) {
		struct vm *s = &spy[i % 2];

		if (i >= 2)
			vm_close(s);
		vm_open(s);
		vm_slot(s, 0, 0, 0, NULL);
		vm_slot(s, 0, 0, PAGES_GPA, s->ram);
		vm_slot(s, 1, PAGES_GPA, PAGES * PAGE, page_of(&vm, 0));
		vm_slot(s, 2, SHARED_GPA, 2u << 20, s->ram + SHARED_GPA);
		*(volatile uint32_t *)(void *)(s->ram + SHARED_GPA) = PAGES;
		vm_plain(s, TASK_LOOK);
		/* Reads, so maps; then the pages change hands; then it reads again. */
		expect(hears(s, &word), "a spy does not work");
		expect(hears(&vm, &word) && word == SAY_PAGES, "the guest does not work");
		expect(hears(s, &word), "a spy does not work");
		gained(word * 8);
		if (i) {
			expect(hears(&spy[(i + 1) % 2], &word), "a spy does not work");
			gained(word * 8);
		}
		tried(PAGES);
		expect(hears(&vm, &word) && word == 0, "the guest has lost pages");
	}
	vm_close(&spy[0]);
	vm_close(&spy[1]);
	vm_close(&vm);
	free_ram(ram);
}
