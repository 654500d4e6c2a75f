// SPDX-License-Identifier: Apache-2.0
#include "cpu/clock.h"
#include "cpu/msr.h"
#include "lib/io.h"
#include "lib/log.h"

/* Intel 8254, channel 2, gated and read through port 0x61. */
#define PIT_HZ	    1193182u
#define PIT_CH2	    0x42
#define PIT_COMMAND 0x43
#define PORT_B	    0x61
#define MEASURE_MS  20u

static uint64_t ticks_per_ms;

void clock_init(void)
{
	uint32_t count = PIT_HZ * MEASURE_MS / 1000;
	uint8_t gate = (uint8_t)((inb(PORT_B) & ~2) | 1); /* gate on, speaker off */
	uint64_t start, spins = 0;

	outb(PORT_B, (uint8_t)(gate & ~1));
	outb(PIT_COMMAND, 0xb0); /* channel 2, both bytes, mode 0: output rises at zero */
	outb(PIT_CH2, (uint8_t)count);
	outb(PIT_CH2, (uint8_t)(count >> 8));
	outb(PORT_B, gate);
	start = rdtsc();
	while (!(inb(PORT_B) & 0x20)) {
		if (++spins == 100000000)
			panic("no timer: channel 2 of the PIT does not count");
	}
	ticks_per_ms = (rdtsc() - start) / MEASURE_MS;
	if (!ticks_per_ms)
		ticks_per_ms = 1;
	log_info("TSC runs at %lu kHz", ticks_per_ms);
}

uint64_t clock_ticks(uint64_t ms)
{
	return ms * ticks_per_ms;
}
