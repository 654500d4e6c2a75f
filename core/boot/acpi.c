// SPDX-License-Identifier: Apache-2.0
/* Find the ACPI root pointer. */
#include "boot/acpi.h"
#include "lib/string.h"

#define RSDP_SIZE_V1  20u
#define RSDP_REVISION 15
#define RSDP_LENGTH   20

static bool sums_to_zero(const uint8_t *p, uint32_t n)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + p[i]);
	return sum == 0;
}

uint32_t rsdp_check(const uint8_t *p, uint64_t max)
{
	uint32_t length;

	if (max < RSDP_SIZE_V1 || memcmp(p, "RSD PTR ", 8) || !sums_to_zero(p, RSDP_SIZE_V1))
		return 0;
	if (p[RSDP_REVISION] < 2)
		return RSDP_SIZE_V1;
	if (max < RSDP_SIZE_MAX)
		return 0;
	memcpy(&length, p + RSDP_LENGTH, sizeof(length));
	return length == RSDP_SIZE_MAX && sums_to_zero(p, RSDP_SIZE_MAX) ? RSDP_SIZE_MAX : 0;
}

static uint64_t search(uint64_t base, uint64_t size)
{
	for (uint64_t at = 0; at + RSDP_SIZE_MAX <= size; at += 16)
		if (rsdp_check(phys_to_virt(base + at), size - at))
			return base + at;
	return 0;
}

uint64_t rsdp_search_bios(void)
{
	uint16_t ebda_segment;

	memcpy(&ebda_segment, phys_to_virt(0x40e), sizeof(ebda_segment));

	uint64_t ebda = (uint64_t)ebda_segment << 4;
	uint64_t at = ebda >= 0x80000 && ebda < 0xa0000 ? search(ebda, 1024) : 0;

	return at ? at : search(0xe0000, 0x20000);
}
