// SPDX-License-Identifier: Apache-2.0
/* Find the ACPI root pointer, and tables by it. What the firmware says is believed, if whole. */
#include "boot/acpi.h"
#include "lib/string.h"

#define RSDP_SIZE_V1  20u
#define RSDP_REVISION 15
#define RSDP_LENGTH   20
#define RSDP_RSDT     16
#define RSDP_XSDT     24

#define HEADER_SIZE   36u
#define HEADER_LENGTH 4
#define TABLE_MAX     (1u << 20)

/* Multiple APIC description table: ACPI 6.4, section 5.2.12. */
#define MADT_ENTRIES	 44u
#define MADT_APIC	 0
#define MADT_X2APIC	 9
#define MADT_CPU_ENABLED 1u

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

static uint32_t read32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* The table at pa, if it is one: its length, else 0. */
static uint32_t table_length(uint64_t pa)
{
	if (!pa || pa > SIZE_4G - TABLE_MAX)
		return 0;
	uint32_t length = read32((const uint8_t *)phys_to_virt(pa) + HEADER_LENGTH);

	return length >= HEADER_SIZE && length <= TABLE_MAX &&
			       sums_to_zero(phys_to_virt(pa), length)
		       ? length
		       : 0;
}

const uint8_t *acpi_table(uint64_t rsdp, const char *signature, uint32_t *length)
{
	const uint8_t *p = phys_to_virt(rsdp);
	uint64_t root = 0;

	if (!rsdp)
		return NULL;
	bool wide = p[RSDP_REVISION] >= 2;

	memcpy(&root, p + (wide ? RSDP_XSDT : RSDP_RSDT), wide ? 8 : 4);
	unsigned size = wide ? 8 : 4;
	uint32_t end = table_length(root);

	for (uint32_t at = HEADER_SIZE; at + size <= end; at += size) {
		uint64_t pa = 0;

		memcpy(&pa, (const uint8_t *)phys_to_virt(root) + at, size);
		*length = table_length(pa);
		if (*length && !memcmp(phys_to_virt(pa), signature, 4))
			return phys_to_virt(pa);
	}
	return NULL;
}

unsigned acpi_cpus(uint64_t rsdp, uint32_t *apic_id, unsigned max)
{
	uint32_t end;
	const uint8_t *madt = acpi_table(rsdp, "APIC", &end);
	unsigned n = 0;

	if (!madt)
		return 0;
	for (uint32_t at = MADT_ENTRIES; at + 2 <= end && n < max;) {
		const uint8_t *e = madt + at;
		uint8_t length = e[1];

		if (length < 2 || at + length > end)
			break;
		if (e[0] == MADT_APIC && length >= 8 && (read32(e + 4) & MADT_CPU_ENABLED))
			apic_id[n++] = e[3];
		else if (e[0] == MADT_X2APIC && length >= 16 && (read32(e + 8) & MADT_CPU_ENABLED))
			apic_id[n++] = read32(e + 4);
		at += length;
	}
	return n;
}

uint64_t acpi_field(const uint8_t *table, uint32_t at, uint32_t size)
{
	uint64_t v = 0;

	if (at + size <= read32(table + HEADER_LENGTH))
		memcpy(&v, table + at, size);
	return v;
}

bool acpi_sleep_off(const uint8_t *fadt, uint8_t type[2])
{
	uint64_t pa = acpi_field(fadt, 140, 8);

	pa = pa ? pa : acpi_field(fadt, 40, 4);
	if (!table_length(pa) || memcmp(phys_to_virt(pa), "DSDT", 4))
		return false;

	uint8_t *dsdt = phys_to_virt(pa);
	unsigned int found = 0;

	for (uint32_t i = HEADER_SIZE; i + 11 <= read32(dsdt + HEADER_LENGTH); i++) {
		uint8_t *p = dsdt + i;

		/* PackageOp, length below 64, count; each an integer: 0, 1, or 0x0a and a byte. */
		if (p[0] != '_' || p[1] != 'S' || p[3] != '_' || p[4] != 0x12)
			continue;
		if (p[2] >= '1' && p[2] <= '4') {
			p[1]++; /* and the checksum is right again */
			dsdt[9]--;
		}
		if (p[2] != '5')
			continue;
		found += p[5] < 64 && p[6] >= 2 ? 1 : 2;
		p += 7;
		for (unsigned int n = 0; n < 2; n++) {
			if (*p == 0x0a)
				p++;
			else if (*p > 1)
				found++; /* no such integer: not understood */
			type[n] = *p++;
		}
	}
	return found == 1;
}
