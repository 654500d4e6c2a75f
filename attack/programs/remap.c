// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include <sys/mman.h>
#include "attack.h"

#define PAGES 100u

ATTACK(remap, "QEMU", ON_GUEST,
       "QEMU moves other memory, of its own making, under the running guest, and takes the old "
       "frames back by reading them. Gained: words of QEMU's that the guest takes for its own.")
{
	struct vm vm;
	uint64_t word, sum = 0;
	uint8_t *other =
		mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (other == MAP_FAILED)
		die("mmap");
	victim(&vm, TASK_ROUNDS, PAGES, 0);
	expect(hears(&vm, &word) && word == SAY_PAGES, "the guest does not work");
	memcpy(other, vm.ram, RAM_BYTES); /* what can be read of it stays as it was… */
	memset(other + PAGES_GPA, 0x5a, PAGES * PAGE);
	vm_slot(&vm, 0, 0, 0, NULL);
	vm_slot(&vm, 0, 0, RAM_BYTES, other);
	for (unsigned i = 0; i < PAGES; i++)
		sum += page_of(&vm, i)[0];
	tried(PAGES);
	if (hears(&vm, &word))
		gained(word);
	expect(sum != 1, "never");
	vm_close(&vm);
	munmap(other, RAM_BYTES);
}
