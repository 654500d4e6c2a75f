// SPDX-License-Identifier: Apache-2.0
#include "boot/acpi.h"
#include "iommu/iommu.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/string.h"
#include "svm/bitmap.h"
#include "svm/cpu.h"
#include "svm/doors.h"
#include "svm/ioapic.h"

#define PORT_KBC_COMMAND 0x64
#define PORT_A		 0x92
#define PORT_RESET	 0xcf9
#define PORTS		 0x10000u

/* Offsets in the FADT: ACPI 6.5, table 5.9. */
#define FADT_PM1_CNT	 64 /* a, b: 4 bytes each */
#define FADT_RESET	 116
#define FADT_RESET_VALUE 128
#define FADT_X_PM1_CNT	 172 /* a, b: 12 bytes each */
#define FADT_SLEEP_CNT	 244

/* The second byte of PM1_CNT, and likewise SLEEP_CONTROL: sections 4.8.3.2.1 and 4.8.3.7. */
#define SLEEP_ENABLE  0x20
#define SLEEP_TYPE(v) (((v) >> 2) & 7)

/* Option ROMs. */
#define ROMS	   0xc0000ull
#define ROMS_END   0x100000ull

#define Q35_ID	   0x29c08086u
#define Q35_BRIDGE 0x00 /* device and function on bus 0 */
#define Q35_SMRAM  0x9d
#define ICH9_LPC   0xf8
/* Counted from PM1's first port, and registers of the bridge. */
#define ICH9_PM1_CNT   0x04
#define ICH9_SMI_EN    0x30
#define ICH9_TCO       0x60 /* watchdog */
#define ICH9_GEN_PMCON 0xa0
#define ICH9_SMI_LOCK  BIT64(4)
#define CPU_PLUG_FLAGS 0xcdcu /* QEMU's: bit 3 takes a CPU away, whatever it does */
#define CPU_PLUG_EJECT 0x08u

enum verdict { PASS, REFUSE, OFF, RESET };

static struct range {
	uint16_t first, last;
	bool blocked; /* nothing is there; else writes are looked at */
} ranges[24] = {
	{0x7e, 0x7f, true},   /* QEMU's kvmvapic, see vapic_off() */
	{0x00, 0x0f, true},   /* ISA DMA, which writes any memory: first chip, */
	{0x81, 0x8f, true},   /* page registers, which tell Linux that there is none, */
	{0xc0, 0xdf, true},   /* second chip, */
	{0x480, 0x48f, true}, /* high pages, */
	{0x4d6, 0x4d6, true}, /* extended mode */
	{0xe9, 0xe9, true},   /* the Core's log */
	{0x514, 0x51b, true}, /* QEMU's fw_cfg: DMA to any memory. The rest only reads. */
	{CL_CALL_PORT, CL_CALL_PORT + 3, true},
	{PORT_KBC_COMMAND, PORT_KBC_COMMAND, false},
	{PORT_A, PORT_A, false},
	{PORT_RESET, PORT_RESET, false},
	{CONFIG_ADDRESS, CONFIG_ADDRESS + 3, false},
	{CONFIG_DATA, CONFIG_DATA + 3, false},
};
static unsigned nr_ranges = 14;

/*
 * Registers of Q35, the machine that QEMU makes, in PCI configuration space, bus 0, that move what
 * the Core watches to where it does not.
 */
static const struct {
	uint8_t devfn, first, last;
} frozen[] = {
	{Q35_BRIDGE, 0x60, 0x67}, /* window onto configuration space */
	{Q35_BRIDGE, 0x90, 0x9f}, /* what of low memory is RAM, and what of it is SMM's */
	{ICH9_LPC, 0x40, 0x47},	  /* ACPI ports */
	{ICH9_LPC, 0xa0, 0xa3},	  /* what locks SMIs */
	{ICH9_LPC, 0xf0, 0xf3},	  /* root complex block */
};
static bool q35;
static uint64_t vapic_page; /* or 0 */

struct reg {
	uint64_t at; /* 0: there is none */
	bool mmio;
};
static struct reg reset_reg, sleep_reg[3]; /* second bytes of PM1a, PM1b; SLEEP_CONTROL */
static uint8_t reset_value, off_type[3];
static bool off_known;

static void add_range(uint64_t first, unsigned n, bool blocked)
{
	ASSERT(nr_ranges < sizeof(ranges) / sizeof(ranges[0]));
	ranges[nr_ranges++] = (struct range){(uint16_t)first, (uint16_t)(first + n - 1), blocked};
}

/* The byte `skip` behind a generic address (section 5.2.3.2); old: the port where that is 0. */
static struct reg watch(const uint8_t *fadt, uint32_t at, unsigned skip, uint64_t old)
{
	uint64_t pa = acpi_field(fadt, at + 4, 8), space = pa ? acpi_field(fadt, at, 1) : 1;
	struct reg r = {.at = pa ? pa : old, .mmio = space == 0};

	if (!r.at)
		return r;
	r.at += skip;
	if (r.mmio)
		door_page_add(r.at, DOOR_BYTES, 0);
	else if (space == 1 && r.at < PORTS)
		add_range(r.at, 1, false);
	else
		log_warn("ACPI register in address space %lu is not watched", space);
	return r;
}

static void fadt_init(const uint8_t *fadt)
{
	reset_reg = watch(fadt, FADT_RESET, 0, 0);
	reset_value = (uint8_t)acpi_field(fadt, FADT_RESET_VALUE, 1);
	for (unsigned i = 0; i < 2; i++)
		sleep_reg[i] = watch(fadt, FADT_X_PM1_CNT + 12 * i, 1,
				     acpi_field(fadt, FADT_PM1_CNT + 4 * i, 4));
	sleep_reg[2] = watch(fadt, FADT_SLEEP_CNT, 0, 0);
	off_known = acpi_sleep_off(fadt, off_type);
	off_type[2] = off_type[0];
	log_info("doors: reset at 0x%lx, sleep at 0x%lx, %s", reset_reg.at, sleep_reg[0].at,
		 off_known ? "power off known" : "no power off: S5 not found in the DSDT");
}

static void q35_init(const uint8_t *mcfg)
{
	uint64_t ecam = mcfg ? acpi_field(mcfg, 44, 8) : 0;

	outl(CONFIG_ADDRESS, 0x80000000u);
	q35 = inl(CONFIG_DATA) == Q35_ID;
	if (!q35)
		return;
	for (unsigned i = 0; ecam && i < sizeof(frozen) / sizeof(frozen[0]); i++)
		door_page_add(ecam + ((uint64_t)frozen[i].devfn << PAGE_SHIFT), DOOR_PCI,
			      frozen[i].devfn);
	/* SMM's memory, which SeaBIOS leaves to whoever sets D_OPEN: clear it, and set D_LCK. */
	outl(CONFIG_ADDRESS, 0x80000000u | (Q35_SMRAM & ~3u));
	outb(CONFIG_DATA + 1, (uint8_t)((inb(CONFIG_DATA + 1) & ~0x40) | 0x10));
	if (!sleep_reg[0].at)
		return;
	uint16_t pm = (uint16_t)(sleep_reg[0].at - ICH9_PM1_CNT - 1);

	/*
	 * And no SMI: SeaBIOS's handler starts in memory that the host may have written, and on
	 * other CPUs than the first it is the host's altogether. Then lock that.
	 */
	outl(pm + ICH9_SMI_EN, 0);
	outl(CONFIG_ADDRESS, 0x80000000u | ICH9_LPC << 8 | ICH9_GEN_PMCON);
	outl(CONFIG_DATA, inl(CONFIG_DATA) | ICH9_SMI_LOCK);
	add_range(pm + ICH9_SMI_EN, 8, true);
	add_range(pm + ICH9_TCO, 0x20, true); /* a watchdog resets without a scrub */
	add_range(CPU_PLUG_FLAGS, 1, false);
}

/*
 * QEMU's kvmvapic, for 32-bit Windows, changes any memory that the state in its option ROM names:
 * at a write to port 0x7E and, once that ROM has run, at a read of the APIC's task priority. It
 * does nothing where the state has no signature; and the host does not write there.
 */
static void vapic_off(void)
{
	for (uint64_t pa = ROMS; pa < ROMS_END - 8; pa++) {
		if (memcmp(phys_to_virt(pa), "kvm aPiC", 8))
			continue;
		memset(phys_to_virt(pa), 0, 8);
		vapic_page = ALIGN_DOWN(pa, PAGE_SIZE);
		door_page_add(pa, DOOR_BYTES, 0);
	}
}

void doors_init(uint64_t rsdp)
{
	uint32_t length;
	const uint8_t *fadt = acpi_table(rsdp, "FACP", &length);

	if (fadt)
		fadt_init(fadt);
	q35_init(acpi_table(rsdp, "MCFG", &length));
	vapic_off();
	door_pages_init(acpi_table(rsdp, "APIC", &length), acpi_table(rsdp, "HPET", &length));
	if (log_port() == LOG_PORT_COM2)
		add_range(0x2f8, 8, true);
}

void doors_iopm(uint8_t *iopm)
{
	for (unsigned i = 0; i < nr_ranges; i++) {
		for (unsigned p = ranges[i].first; p <= ranges[i].last; p++)
			bit_set(iopm, p);
	}
	for (unsigned p = PORTS; p < PORTS + 3; p++) /* what runs over the last port */
		bit_set(iopm, p);
}

bool doors_pci_frozen(uint8_t devfn, uint64_t at, unsigned size)
{
	for (unsigned i = 0; q35 && i < sizeof(frozen) / sizeof(frozen[0]); i++) {
		if (frozen[i].devfn == devfn && at <= frozen[i].last && at + size > frozen[i].first)
			return true;
	}
	return false;
}

static bool blocked(unsigned port, unsigned size)
{
	for (unsigned i = 0; i < nr_ranges; i++) {
		if (ranges[i].blocked && port <= ranges[i].last && port + size > ranges[i].first)
			return true;
	}
	return port + size > PORTS;
}

static enum verdict check_port(uint64_t port, uint8_t v)
{
	uint32_t pci = config_address;

	switch (port) {
	case PORT_KBC_COMMAND:
		if ((v & 0xf1) == 0xf0) /* pulse lines, the reset line among them */
			return RESET;
		/* Output port, with reset and A20; A20 off, which would alias all addresses. */
		return v == 0xd1 || v == 0xdd ? REFUSE : PASS;
	case PORT_A: /* the same two */
		return v & 1 ? RESET : v & 2 ? PASS : REFUSE;
	case PORT_RESET:
		return v & 4 ? RESET : PASS;
	case CPU_PLUG_FLAGS:
		return q35 && (v & CPU_PLUG_EJECT) ? REFUSE : PASS;
	case CONFIG_DATA ... CONFIG_DATA + 3: /* bit 31: enable; 23:16 bus */
		if ((pci >> 31) && !(uint8_t)(pci >> 16) &&
		    doors_pci_frozen((uint8_t)(pci >> 8), (pci & 0xfc) + port - CONFIG_DATA, 1))
			return REFUSE;
		return PASS;
	default:
		return PASS;
	}
}

static enum verdict check(bool mmio, uint64_t at, uint8_t v)
{
	if (reset_reg.at == at && reset_reg.mmio == mmio && v == reset_value)
		return RESET;
	for (unsigned i = 0; i < 3; i++) {
		if (sleep_reg[i].at == at && sleep_reg[i].mmio == mmio && (v & SLEEP_ENABLE))
			return off_known && SLEEP_TYPE(v) == off_type[i] ? OFF : REFUSE;
	}
	if (mmio)
		return vapic_page && ALIGN_DOWN(at, PAGE_SIZE) == vapic_page ? REFUSE : PASS;
	return check_port(at, v);
}

static void put(const struct reg *r, uint8_t v)
{
	if (r->at && r->mmio)
		*(volatile uint8_t *)phys_to_virt(r->at) = v;
	else if (r->at)
		outb((uint16_t)r->at, v);
}

static void __attribute__((noreturn)) machine_off(void)
{
	panic_scrub();
	log_warn("host: power off; scrubbed");
	for (unsigned i = 0; i < 3; i++) {
		uint8_t v = (uint8_t)(off_type[i] << 2 | SLEEP_ENABLE);
		uint16_t pm1 = (uint16_t)(sleep_reg[i].at - 1);

		if (i == 2 || sleep_reg[i].mmio || !sleep_reg[i].at)
			put(&sleep_reg[i], v);
		else /* QEMU knows no writes of its second byte alone */
			outw(pm1, (uint16_t)((inw(pm1) & ~0x3c00) | v << 8));
	}
	for (;;)
		__asm__ volatile("cli; hlt" : : : "memory");
}

void machine_reset(const char *why)
{
	static const uint8_t no_idt[10];

	panic_scrub();
	log_warn("host: reset by %s; scrubbed", why);
	outb(PORT_RESET, 0x0a); /* off and on again, where the chipset can */
	outb(PORT_RESET, 0x0e);
	put(&reset_reg, reset_value);
	outb(PORT_KBC_COMMAND, 0xfe);
	outb(PORT_A, 3);
	__asm__ volatile("lidt %0; int3" : : "m"(no_idt) : "memory");
	panic("the machine did not reset");
}

/* What needs a scrub first is done by the Core, and does not come back. */
static bool pass(enum verdict verdict, uint64_t at, uint64_t value)
{
	if (verdict == REFUSE) {
		log_warn("host: write of 0x%lx to 0x%lx refused", value, at);
		refused_total++;
	} else if (verdict != PASS) {
		log_warn("host: write of 0x%lx to 0x%lx", value, at);
		if (verdict == RESET)
			machine_reset("a register");
		machine_off();
	}
	return verdict == PASS;
}

bool doors_mmio_byte(uint64_t pa, uint8_t value)
{
	return pass(check(true, pa, value), pa, value);
}

/* Registers of one byte. Of a wider write QEMU gives them every byte, one after the other. */
static bool one_byte(unsigned port)
{
	return port == PORT_KBC_COMMAND || port == PORT_A || port == PORT_RESET ||
	       (!reset_reg.mmio && port == reset_reg.at);
}

static enum verdict worse(enum verdict a, enum verdict b)
{
	return a > b ? a : b;
}

static bool write_allowed(uint16_t port, unsigned size, uint32_t value)
{
	enum verdict worst = PASS;

	if (port == CONFIG_ADDRESS && size == 4) /* its second byte is no reset then */
		return true;
	for (unsigned i = 0; i < size; i++) {
		worst = worse(worst, check(false, port + i, (uint8_t)(value >> 8 * i)));
		if (size == 1 || !one_byte(port + i))
			continue;
		worst = worse(worst, REFUSE);
		for (unsigned j = 0; j < size; j++)
			worst = worse(worst, check(false, port + i, (uint8_t)(value >> 8 * j)));
	}
	return pass(worst, port, value);
}

uint64_t doors_io(uint16_t port, unsigned size, bool in, uint64_t rax)
{
	uint64_t mask = BIT64(8 * size) - 1;
	uint32_t value = in ? ~0u : (uint32_t)(rax & mask);

	if (!blocked(port, size) && (in || write_allowed(port, size, value)) &&
	    !config_io(port, size, in, &value))
		port_io(port, size, in, &value);
	if (!in)
		return rax;
	return size == 4 ? value : (rax & ~mask) | (value & mask);
}
