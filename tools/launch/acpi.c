// SPDX-License-Identifier: Apache-2.0
// Builds RSDP, XSDT, FADT, FACS, MADT (ACPI specification 6.3, chapter 5) and places the DSDT that
// iasl made from dsdt.asl at build time.
#include "acpi.h"
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <cloister/launch.h>
#include "dsdt.aml.h"

#define TABLE_ALIGN	 64u // the FACS wants 64; the rest takes it too
#define LOCAL_APIC	 0xfee00000u
#define IO_APIC		 0xfec00000u
#define PM_BASE		 0x600u // ICH9 PMBASE as SeaBIOS programs it
#define SCI_IRQ		 9u
#define RESET_PORT	 0xcf9u
#define RESET_VALUE	 0x0fu

#define GAS_SYSTEM_IO	 1u
#define FADT_LEGACY	 0x0001u // IAPC_BOOT_ARCH: devices on the ISA bus (serial port, RTC)
#define FADT_NO_VGA	 0x0004u // and none of the PS/2 controller: bit 1 is clear
#define FADT_WBINVD	 0x00000001u
#define FADT_PROC_C1	 0x00000004u
#define FADT_NO_PWR_BTN	 0x00000010u
#define FADT_NO_SLP_BTN	 0x00000020u
#define FADT_RESET_REG	 0x00000400u
#define MADT_PCAT_COMPAT 1u
#define MPS_LEVEL_HIGH	 0x000du
#define MADT_CPU_ENABLED 1u
#define NMI_ALL_CPUS	 0xffu
#define NMI_LINT	 1u

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct acpi_rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __attribute__((packed));

struct acpi_xsdt {
	struct acpi_header header;
	uint64_t table[2];
} __attribute__((packed));

struct acpi_gas {
	uint8_t space;
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access;
	uint64_t address;
} __attribute__((packed));

struct acpi_fadt {
	struct acpi_header header;
	uint32_t firmware_ctrl;
	uint32_t dsdt;
	uint8_t reserved0;
	uint8_t pm_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	uint32_t pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr, gpe0, gpe1;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len;
	uint8_t gpe0_len, gpe1_len, gpe1_base, cst_cnt;
	uint16_t p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct acpi_gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor;
	uint64_t x_firmware_ctrl, x_dsdt;
	struct acpi_gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt;
	struct acpi_gas x_pm2_cnt, x_pm_tmr, x_gpe0, x_gpe1, sleep_control, sleep_status;
	uint64_t hypervisor_id;
} __attribute__((packed));

struct acpi_facs {
	char signature[4];
	uint32_t length;
	uint32_t hardware_signature;
	uint32_t waking_vector;
	uint32_t global_lock;
	uint32_t flags;
	uint64_t x_waking_vector;
	uint8_t version;
	uint8_t reserved[31];
} __attribute__((packed));

struct madt_cpu {
	uint8_t type, length, acpi_id, apic_id;
	uint32_t flags;
} __attribute__((packed));

struct madt_ioapic {
	uint8_t type, length, id, reserved;
	uint32_t address, gsi_base;
} __attribute__((packed));

struct madt_override {
	uint8_t type, length, bus, source;
	uint32_t gsi;
	uint16_t flags;
} __attribute__((packed));

struct madt_nmi {
	uint8_t type, length, acpi_id;
	uint16_t flags;
	uint8_t lint;
} __attribute__((packed));

struct acpi_madt {
	struct acpi_header header;
	uint32_t local_apic;
	uint32_t flags;
	struct madt_ioapic ioapic;
	struct madt_override override[5];
	struct madt_nmi nmi;
	struct madt_cpu cpu[CL_ZONE_VCPUS_MAX];
} __attribute__((packed));

_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 6.3, table 5-29");
_Static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 6.3, table 5-27");
_Static_assert(sizeof(struct acpi_fadt) == 276, "ACPI 6.3, table 5-33");
_Static_assert(offsetof(struct acpi_fadt, reset_reg) == 116, "ACPI 6.3, table 5-33");
_Static_assert(offsetof(struct acpi_fadt, x_dsdt) == 140, "ACPI 6.3, table 5-33");
_Static_assert(sizeof(struct acpi_facs) == 64, "ACPI 6.3, table 5-38");

struct builder {
	uint8_t *region;
	uint64_t gpa;
	uint32_t used;
};

// Copy a table in; returns its offset, or -ENOSPC.
static int put(struct builder *b, const void *table, uint32_t bytes)
{
	uint32_t at = (b->used + TABLE_ALIGN - 1) & ~(TABLE_ALIGN - 1);
	if (at > ACPI_REGION_BYTES || bytes > ACPI_REGION_BYTES - at)
		return -ENOSPC;
	memcpy(b->region + at, table, bytes);
	b->used = at + bytes;
	return (int)at;
}

static uint8_t checksum(const void *data, uint32_t bytes)
{
	const uint8_t *p = data;
	uint8_t sum = 0;
	for (uint32_t i = 0; i < bytes; i++)
		sum = (uint8_t)(sum + p[i]);
	return (uint8_t)-sum;
}

// Everything the builder of a table may not choose: who made it, and the sum.
static void seal(void *table, const char signature[4], uint8_t revision, uint32_t bytes)
{
	struct acpi_header *h = table;
	memcpy(h->signature, signature, 4);
	h->length = bytes;
	h->revision = revision;
	memcpy(h->oem_id, "CLSTR ", 6);
	memcpy(h->oem_table_id, "CLOISTER", 8);
	h->oem_revision = 1;
	memcpy(h->creator_id, "CLST", 4);
	h->creator_revision = 1;
	h->checksum = 0;
	h->checksum = checksum(table, bytes);
}

static struct acpi_gas io_register(uint16_t port, uint8_t bits, uint8_t access)
{
	return (struct acpi_gas){
		.space = GAS_SYSTEM_IO, .bit_width = bits, .access = access, .address = port};
}

static struct acpi_fadt make_fadt(uint32_t facs, uint32_t dsdt)
{
	// SMI_CMD = 0: the machine is in ACPI mode for good (QEMU with smm=off keeps SCI_EN set).
	// The legacy and the X_ fields name the same registers; the FACS only by its 32-bit field
	// (ACPI 6.3, section 5.2.9: one of the two is zero). No PM timer (its fields are zero, as
	// section 4.8.3.3 allows): it would be a clock that the host can bend.
	struct acpi_fadt f = {
		.firmware_ctrl = facs,
		.dsdt = dsdt,
		.sci_int = SCI_IRQ,
		.pm1a_evt = PM_BASE,
		.pm1a_cnt = PM_BASE + 4,
		.pm1_evt_len = 4,
		.pm1_cnt_len = 2,
		.p_lvl2_lat = 0xfff, // no C2, no C3
		.p_lvl3_lat = 0xfff,
		.boot_arch = FADT_LEGACY | FADT_NO_VGA,
		.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_NO_PWR_BTN | FADT_NO_SLP_BTN |
			 FADT_RESET_REG,
		.reset_reg = io_register(RESET_PORT, 8, 1),
		.reset_value = RESET_VALUE,
		.minor = 3,
		.x_dsdt = dsdt,
		.x_pm1a_evt = io_register(PM_BASE, 32, 2),
		.x_pm1a_cnt = io_register(PM_BASE + 4, 16, 2),
	};
	seal(&f, "FACP", 6, sizeof(f));
	return f;
}

static struct acpi_madt make_madt(uint32_t vcpus)
{
	// IRQ 0 arrives at pin 2; the lines that PCI links and the SCI use are level, active high.
	static const struct madt_override overrides[5] = {
		{2, 10, 0, 0, 2, 0},
		{2, 10, 0, 5, 5, MPS_LEVEL_HIGH},
		{2, 10, 0, SCI_IRQ, SCI_IRQ, MPS_LEVEL_HIGH},
		{2, 10, 0, 10, 10, MPS_LEVEL_HIGH},
		{2, 10, 0, 11, 11, MPS_LEVEL_HIGH},
	};
	struct acpi_madt m = {
		.local_apic = LOCAL_APIC,
		.flags = MADT_PCAT_COMPAT,
		.ioapic = {1, 12, 0, 0, IO_APIC, 0},
		.nmi = {4, 6, NMI_ALL_CPUS, 0, NMI_LINT},
	};
	memcpy(m.override, overrides, sizeof(overrides));
	for (uint32_t i = 0; i < vcpus; i++)
		m.cpu[i] = (struct madt_cpu){0, 8, (uint8_t)i, (uint8_t)i, MADT_CPU_ENABLED};
	seal(&m, "APIC", 4,
	     (uint32_t)(offsetof(struct acpi_madt, cpu) + vcpus * sizeof(struct madt_cpu)));
	return m;
}

int acpi_build(uint8_t region[ACPI_REGION_BYTES], uint64_t gpa, uint32_t vcpus)
{
	struct builder b = {.region = region, .gpa = gpa};
	struct acpi_rsdp rsdp = {.signature = "RSD PTR ", .oem_id = "CLSTR ", .revision = 2};
	struct acpi_xsdt xsdt = {0};
	struct acpi_facs facs = {.signature = "FACS", .length = sizeof(facs), .version = 2};

	if (vcpus == 0 || vcpus > CL_ZONE_VCPUS_MAX || sizeof(dsdt_aml_code) < sizeof(xsdt.header))
		return -EINVAL;
	memset(region, 0, ACPI_REGION_BYTES);
	// Places first (the tables point at each other), then the tables that know them.
	int rsdp_at = put(&b, &rsdp, sizeof(rsdp));
	int xsdt_at = put(&b, &xsdt, sizeof(xsdt));
	int facs_at = put(&b, &facs, sizeof(facs));
	int dsdt_at = put(&b, dsdt_aml_code, sizeof(dsdt_aml_code));
	if (rsdp_at < 0 || xsdt_at < 0 || facs_at < 0 || dsdt_at < 0)
		return -ENOSPC;
	// iasl writes its own version into the header; the digest must not depend on it.
	seal(region + dsdt_at, "DSDT", region[dsdt_at + 8], sizeof(dsdt_aml_code));

	struct acpi_fadt fadt =
		make_fadt((uint32_t)gpa + (uint32_t)facs_at, (uint32_t)gpa + (uint32_t)dsdt_at);
	struct acpi_madt madt = make_madt(vcpus);
	int fadt_at = put(&b, &fadt, sizeof(fadt));
	int madt_at = put(&b, &madt, madt.header.length);
	if (fadt_at < 0 || madt_at < 0)
		return -ENOSPC;

	xsdt.table[0] = gpa + (uint32_t)fadt_at;
	xsdt.table[1] = gpa + (uint32_t)madt_at;
	seal(&xsdt, "XSDT", 1, sizeof(xsdt));
	memcpy(region + xsdt_at, &xsdt, sizeof(xsdt));

	rsdp.length = sizeof(rsdp);
	rsdp.xsdt = gpa + (uint32_t)xsdt_at;
	rsdp.checksum = checksum(&rsdp, 20); // the ACPI 1.0 part
	rsdp.extended_checksum = checksum(&rsdp, sizeof(rsdp));
	memcpy(region + rsdp_at, &rsdp, sizeof(rsdp));
	return (int)b.used;
}
