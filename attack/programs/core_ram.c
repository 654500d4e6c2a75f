// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "attack.h"

#define CORE_BASE                                                                                  \
	0x10000000ull /* without the Core: RAM that its kernel was told to leave alone             \
		       */
#define BYTES (4ull << 20)

ATTACK(core_memory, "host root", ON_MACHINE,
       "The host's root maps the Core's memory from /dev/mem, reads 4 MiB of it and writes to it. "
       "Gained: bytes that differ from the one page of junk that the host finds there, or that "
       "keep what was written while the Core used them.")
{
	int mem = open("/dev/mem", O_RDWR | O_CLOEXEC);

	if (mem < 0)
		die("/dev/mem");
	volatile uint8_t *there = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, mem,
				       (off_t)(zone ? core_info().core_base : CORE_BASE));
	close(mem);
	if (there == MAP_FAILED)
		die("mmap of /dev/mem");
	/* One page of junk: what is written to the first page is in all of them. */
	static uint8_t first[PAGE];
	for (unsigned i = 0; i < PAGE; i++)
		there[i] = (uint8_t)(i * 7 + 1);
	for (unsigned i = 0; i < PAGE; i++)
		first[i] = there[i];
	for (uint64_t i = 0; i < BYTES; i += 64) {
		gained(there[i] != first[i % PAGE]);
		tried(1);
	}
	for (uint64_t i = PAGE; i < BYTES; i += PAGE) {
		there[i] = 0xa5;
		gained(there[i] == 0xa5 && there[0] != 0xa5);
		there[0] = first[0];
	}
	munmap((void *)(uintptr_t)there, BYTES);
}
