// SPDX-License-Identifier: Apache-2.0
#include "attack.h"

#define TRIES 12u

ATTACK(tamper, "QEMU", ON_GUEST,
       "QEMU changes one bit somewhere in a page. Gained: changed words that the guest reads.")
{
	for (unsigned i = 0; i < TRIES; i++) {
		struct vm vm;
		uint64_t word, where = random64();

		victim(&vm, TASK_ROUNDS, TRIES, 0);
		expect(hears(&vm, &word) && word == SAY_PAGES, "the guest does not work");
		page_of(&vm, i)[where % PAGE] ^= (uint8_t)(1u << (where >> 12 & 7));
		tried(1);
		if (hears(&vm, &word))
			gained(word);
		vm_close(&vm);
	}
}
