// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "attack.h"

#define ROUNDS 8u

ATTACK(swap, "QEMU", ON_GUEST,
       "QEMU exchanges the contents of two pages of the guest. Gained: words that the guest reads "
       "from the wrong page.")
{
	uint8_t one[PAGE];

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct vm vm;
		uint64_t word;

		victim(&vm, TASK_ROUNDS, 2 * ROUNDS, 0);
		expect(hears(&vm, &word) && word == SAY_PAGES, "the guest does not work");
		memcpy(one, page_of(&vm, i), PAGE);
		memcpy(page_of(&vm, i), page_of(&vm, 2 * ROUNDS - 1 - i), PAGE);
		memcpy(page_of(&vm, 2 * ROUNDS - 1 - i), one, PAGE);
		tried(1);
		if (hears(&vm, &word))
			gained(word);
		vm_close(&vm);
	}
}
