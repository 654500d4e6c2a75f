// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include "attack.h"

#define TRIES 6u

ATTACK(other_zone, "QEMU", ON_GUEST,
       "QEMU puts a page of one guest into another, at the same address and of the same version. "
       "Gained: words of the other's that the guest reads.")
{
	for (unsigned i = 0; i < TRIES; i++) {
		struct vm vm, donor;
		uint64_t word;

		victim(&donor, TASK_ROUNDS, TRIES, 0);
		victim(&vm, TASK_ROUNDS, TRIES, 0);
		expect(hears(&donor, &word) && word == SAY_PAGES, "the guest does not work");
		expect(hears(&vm, &word) && word == SAY_PAGES, "the guest does not work");
		/* Both in their first round: the donor's next page has other words. */
		memcpy(page_of(&vm, i), page_of(&donor, (i + 1) % TRIES), PAGE);
		if (i % 2) /* and the very same page, whose words are the same */
			memcpy(page_of(&vm, (i + 1) % TRIES), page_of(&donor, (i + 1) % TRIES),
			       PAGE);
		tried(1 + i % 2);
		if (hears(&vm, &word))
			gained(word);
		vm_close(&vm);
		vm_close(&donor);
	}
}
