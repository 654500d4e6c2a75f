// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "attack.h"

#define TRIES 6u

ATTACK(replay, "QEMU", ON_GUEST,
       "QEMU keeps what it sees of a page and puts it back after the guest has written it anew. "
       "Gained: old words that the guest takes for new ones.")
{
	uint8_t old[PAGE];

	for (unsigned i = 0; i < TRIES; i++) {
		struct vm vm;
		uint64_t word;

		victim(&vm, TASK_ROUNDS, TRIES, 0);
		/* A version that is one to six rounds old. */
		expect(hears(&vm, &word) && word == SAY_PAGES, "the guest does not work");
		memcpy(old, page_of(&vm, i), PAGE);
		for (unsigned round = 0; round <= i; round++) {
			expect(hears(&vm, &word) && word == 0, "the guest has lost pages");
			expect(hears(&vm, &word) && word == SAY_PAGES, "the guest does not work");
		}
		memcpy(page_of(&vm, i), old, PAGE);
		tried(1);
		if (hears(&vm, &word))
			gained(word);
		vm_close(&vm);
	}
}
