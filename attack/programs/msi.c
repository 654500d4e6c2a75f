// SPDX-License-Identifier: Apache-2.0
// INIT, SIPI, SMI and NMI by CPU writes to the MSI window, where the local APIC stands as well.
// What became of the other CPUs is for whoever holds the machine to see (attack/run).
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "attack.h"

#define WINDOW	0xfee00000ull
#define ICR_LOW 0x300u
#define INIT	0x4500u /* asserted */
#define SIPI	0x4600u
#define SMI	0x4200u
#define NMI	0x4400u
#define OTHERS	0xc0000u
#define CPU_1	0x1000u /* in an MSI's address */

static volatile uint8_t *window;

static void put(uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(uintptr_t)(window + offset) = value;
	tried(1);
}

ATTACK(msi_init, "host root", ON_MACHINE,
       "The host sends INIT, SIPI, SMI and NMI to the other CPU by MSI writes all over the window, "
       "by aliases of the local APIC's registers, and SMI by the command register itself (INIT and "
       "SIPI there are played by the Core). Gained: writes that the Core did not refuse; control: "
       "CPUs that obey INIT.")
{
	static const uint32_t modes[] = {SMI, INIT, SIPI | 0x9f, NMI};
	static const uint32_t places[] = {CPU_1, 0x2004,      0xf000,	  0x0,
					  0x8,	 ICR_LOW + 4, ICR_LOW + 8};
	int mem = open("/dev/mem", O_RDWR | O_CLOEXEC | O_SYNC);

	if (mem < 0)
		die("/dev/mem");
	window = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_SHARED, mem, (off_t)WINDOW);
	close(mem);
	if (window == MAP_FAILED)
		die("mmap of the local APIC");
	if (!zone) {
		/* One road is enough to show that it leads there. QEMU's CPUs look for INIT only
		 * once something else has woken them. */
		put(CPU_1, INIT);
		put(CPU_1, NMI);
		return;
	}
	uint64_t refused = core_info().refused, count = 1;
	put(ICR_LOW, SMI | OTHERS);
	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		for (unsigned j = 0; j < sizeof(places) / sizeof(places[0]); j++) {
			put(places[j],
			    modes[i] | (places[j] > ICR_LOW && places[j] < CPU_1 ? OTHERS : 0));
			count++;
		}
	}
	refused = core_info().refused - refused;
	gained(refused < count ? count - refused : 0);
	outcome("%llu of %llu refused and counted", (unsigned long long)refused,
		(unsigned long long)count);
	munmap((void *)(uintptr_t)window, 0x10000);
}
