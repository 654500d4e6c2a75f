// SPDX-License-Identifier: Apache-2.0
#include "tpm/hw.h"

#include "cpu/clock.h"
#include "cpu/msr.h"

/* The firmware's MTRRs make the range uncached. */
uint32_t tpm_hw_read(uint64_t pa)
{
	return *(volatile uint32_t *)phys_to_virt(pa);
}

void tpm_hw_write(uint64_t pa, uint32_t value)
{
	*(volatile uint32_t *)phys_to_virt(pa) = value;
}

/* A byte at a time, once: a device's memory need not bear more, and may change between reads. */
void tpm_hw_copy_in(uint8_t *to, uint64_t pa, uint32_t size)
{
	const volatile uint8_t *from = phys_to_virt(pa);

	for (uint32_t i = 0; i < size; i++)
		to[i] = from[i];
}

void tpm_hw_copy_out(uint64_t pa, const uint8_t *from, uint32_t size)
{
	volatile uint8_t *to = phys_to_virt(pa);

	for (uint32_t i = 0; i < size; i++)
		to[i] = from[i];
}

uint64_t tpm_hw_ms(void)
{
	return rdtsc() / clock_ticks(1);
}

void tpm_hw_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}
