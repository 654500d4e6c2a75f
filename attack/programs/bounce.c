// SPDX-License-Identifier: Apache-2.0
#include "attack.h"

ATTACK(bounce_oracle, "QEMU", ON_GUEST,
       "The guest turns a page with secrets over to the host and takes it back, as it does with "
       "bounce buffers; QEMU reads and writes it in between. Gained: bytes of the secret that QEMU "
       "sees, and words of QEMU's that the guest then finds in its private page.")
{
	for (unsigned i = 0; i < 8; i++) {
		struct vm vm;
		uint64_t word;

		victim(&vm, TASK_CONVERT, 0, 0);
		volatile uint64_t *page = (volatile uint64_t *)(void *)page_of(&vm, 0);
		expect(hears(&vm, &word) && word == SAY_PAGES, "the guest does not work");
		for (unsigned w = 0; w < 512; w++)
			gained(page[w] == PATTERN ? 8 : 0);
		expect(hears(&vm, &word), "the guest does not work");
		gained(word == (uint32_t)PATTERN ? 8 : 0);
		expect(hears(&vm, &word) && word == SAY_PAGES, "the guest does not work");
		for (unsigned w = 0; w < 512; w++)
			gained(page[w] == PATTERN ? 8 : 0);
		page[2] = 0xbad; /* where the guest looks twice: shared, and then as its own */
		expect(hears(&vm, &word) && word == 0xbad, "nothing is shared");
		expect(hears(&vm, &word), "the guest does not work");
		expect(hears(&vm, &word), "the guest does not work");
		gained(word == 0xbad);
		tried(1);
		vm_close(&vm);
	}
}
