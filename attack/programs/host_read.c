// SPDX-License-Identifier: Apache-2.0
#include "attack.h"

#define PAGES  100u
#define ROUNDS 3u

ATTACK(host_read, "QEMU", ON_GUEST,
       "QEMU reads all of the guest's RAM, three times while it works. Gained: bytes of the "
       "guest's secret words.")
{
	struct vm vm;
	uint64_t word;

	victim(&vm, TASK_ROUNDS, PAGES, 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		expect(hears(&vm, &word) && word == SAY_PAGES, "the guest does not work");
		const volatile uint32_t *ram = (const volatile uint32_t *)(void *)vm.ram;

		for (uint64_t i = 1; i < RAM_BYTES / 4; i += 2)
			gained(ram[i] == PATTERN_HIGH ? 8 : 0);
		tried(RAM_BYTES / PAGE);
		expect(hears(&vm, &word) && word == 0, "the guest has lost pages");
	}
	vm_close(&vm);
}
