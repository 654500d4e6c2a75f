// SPDX-License-Identifier: Apache-2.0
// INIT, SIPI, SMI and NMI by CPU writes to the MSI window, where the local APIC stands as well.
// What became of the other CPUs is for whoever holds the machine to see (attack/run).
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "attack.h"

#define WINDOW	0xfee00000ull
#define ICR_LOW 0x300u
#define ICR_HI	0x310u
#define INIT	0x4500u /* level, assert */
#define SIPI	0x4600u
#define SMI	0x4200u
#define NMI	0x4400u
#define OTHERS	0xc0000u

static volatile uint8_t *window;

static void put(uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(uintptr_t)(window + offset) = value;
	tried(1);
}

ATTACK(icr_init, "host root", ON_MACHINE,
       "The host sends INIT, SIPI, SMI and NMI to the other CPUs by the local APIC's command "
       "register and by MSI writes to the rest of the window. Gained: writes that the Core did not "
       "refuse (without the Core: CPUs that run the code which SIPI names).")
{
	static const uint32_t modes[] = {SMI, INIT, SIPI | 0x9f, SIPI | 0x9f};
	int mem = open("/dev/mem", O_RDWR | O_CLOEXEC | O_SYNC);

	if (mem < 0)
		die("/dev/mem");
	window = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_SHARED, mem, (off_t)WINDOW);
	close(mem);
	if (window == MAP_FAILED)
		die("mmap of the local APIC");
	uint64_t refused = zone ? core_info().refused : 0, count = 0;
	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		put(ICR_LOW, modes[i] | OTHERS);
		count++;
		if (!zone)
			continue; /* one road is enough to show that it leads there */
		/* By MSI: any address of the window; destination 1 and all. */
		put(0x1000, modes[i]);
		put(0x2004, modes[i]);
		put(0xf000, modes[i] | 0x8000);
		put(0x0, modes[i]);
		put(0x8, modes[i]);		     /* QEMU's APIC takes these for MSIs as well */
		put(ICR_LOW + 4, modes[i] | OTHERS); /* and these for ICR */
		put(ICR_LOW + 8, modes[i] | OTHERS);
		count += 7;
	}
	if (zone) {
		refused = core_info().refused - refused;
		gained(refused < count ? count - refused : 0);
		outcome("%llu of %llu refused and counted", (unsigned long long)refused,
			(unsigned long long)count);
	}
	munmap((void *)(uintptr_t)window, 0x10000);
}
