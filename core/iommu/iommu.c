// SPDX-License-Identifier: Apache-2.0
/* Sections are of the AMD I/O Virtualization Technology (IOMMU) Specification, 48882, rev. 3. */
#include "iommu/iommu.h"
#include "boot/acpi.h"
#include "cpu/clock.h"
#include "cpu/msr.h"
#include "lib/log.h"
#include "lib/pool.h"
#include "lib/string.h"
#include "svm/cpu.h"
#include "svm/npt.h"

#define ACPI_HEADER   36u
#define ACPI_CHECKSUM 9u

/* Section 3.4. */
struct registers {
	uint64_t devtab, cmd_base, event_base, control, excl_base, excl_limit, features;
	uint64_t others[0x3f9];
	uint64_t cmd_head, cmd_tail, event_head, event_tail, status;
};

#define CONTROL_ENABLE	BIT64(0)
#define CONTROL_EVENTS	BIT64(2)
#define CONTROL_SNOOP	BIT64(10)
#define CONTROL_CMDS	BIT64(12)
#define STATUS_OVERFLOW BIT64(0)
#define FEATURE_INV_ALL BIT64(6)
#define FEATURE_PERF	BIT64(9)
#define MMIO_SIZE_PERF	0x80000ull

/* One page each, 256 entries of 16 bytes. */
#define RING_ENTRIES 256u
#define RING_LENGTH  (8ull << 56)

/* Commands (section 2.4) and events (section 2.5): codes in bits 63:60 of the first word. */
#define CMD_WAIT      (BIT64(60) | BIT64(0)) /* and store a word */
#define CMD_INV_PAGES (3ull << 60 | DOMAIN << 32)
#define CMD_INV_ALL   (8ull << 60)
#define INV_RANGE     3ull /* the size is in the address; tables above as well */
#define EVENT_WRITE   BIT64(53)

/* Device table (section 2.2.2): an entry for each of 64 Ki functions, all of them the same. */
#define DEVTAB_PAGES 512u
#define DTE_VALID    3ull /* V and TV */
#define DOMAIN	     1ull

/* PCI status register: this function has ended an access by target abort. */
#define PCI_STATUS  6u
#define PCI_ABORTED 0x800u

#define POLL_MS	    100u
#define WAIT_MS	    1000u

struct entry {
	uint64_t word[2];
};

static struct unit {
	volatile struct registers *regs;
	volatile struct entry *cmds, *events;
	volatile uint16_t *pci_status; /* or NULL */
	uint64_t cmd_tail, event_head; /* in entries */
	uint64_t control;
	volatile uint64_t done; /* the IOMMU writes here what CMD_WAIT gave it */
	uint64_t waited;
} units[IOMMU_MAX];
static bool on;
static uint64_t mmio_size = IOMMU_MMIO_SIZE;
static uint64_t ecam; /* PCI configuration space in memory, or 0 */
struct ivrs iommus;
uint64_t iommu_blocked;

/* In place, as several lists may lead to it. What is left is whole, and says nothing. */
static void hide_table(uint64_t pa, uint32_t length)
{
	static const uint8_t signature[4] = {'N', 'O', 'N', 'E'};
	uint8_t *p = phys_to_virt(pa), sum = 0;

	memset(p + ACPI_HEADER, 0, length - ACPI_HEADER);
	memcpy(p, signature, sizeof(signature));
	for (unsigned i = 0; i < ACPI_HEADER; i++)
		sum = (uint8_t)(sum + p[i]);
	p[ACPI_CHECKSUM] = (uint8_t)(p[ACPI_CHECKSUM] - sum);
}

void iommu_find(uint64_t rsdp)
{
	uint32_t length, mcfg_length;
	const uint8_t *ivrs = acpi_table(rsdp, "IVRS", &length);
	const uint8_t *mcfg = acpi_table(rsdp, "MCFG", &mcfg_length);
	int r = ivrs ? ivrs_parse(ivrs, length, &iommus) : -CL_ENOENT;

	for (unsigned i = 0; !r && i < iommus.nr; i++) {
		units[i].regs = phys_to_virt(iommus.unit[i].base);
		if (!(units[i].regs->features & FEATURE_INV_ALL))
			r = -CL_ENOSYS;
		if (units[i].regs->features & FEATURE_PERF)
			mmio_size = MMIO_SIZE_PERF;
	}
	if (r) {
		iommus.nr = 0;
		log_info("iommu: none (%d)", r);
		return;
	}
	if (mcfg && mcfg_length >= 60)
		memcpy(&ecam, mcfg + 44, sizeof(ecam));
	hide_table(virt_to_phys(ivrs), length);
}

static uint64_t config_page(unsigned i)
{
	return ecam + ((uint64_t)iommus.unit[i].devid << PAGE_SHIFT);
}

bool iommu_hides(uint64_t pa, uint64_t size)
{
	for (unsigned i = 0; i < iommus.nr; i++) {
		uint64_t base = iommus.unit[i].base, config = config_page(i);

		if ((pa < base + mmio_size && pa + size > base) ||
		    (ecam && pa < config + PAGE_SIZE && pa + size > config))
			return true;
	}
	return false;
}

static void command(struct unit *u, uint64_t first, uint64_t second)
{
	u->cmds[u->cmd_tail].word[0] = first;
	u->cmds[u->cmd_tail].word[1] = second;
	u->cmd_tail = (u->cmd_tail + 1) % RING_ENTRIES;
}

/* Have all commands done, and all DMA that came before them. */
static bool complete(struct unit *u)
{
	uint64_t end = rdtsc() + clock_ticks(WAIT_MS);

	command(u, CMD_WAIT | virt_to_phys(&u->done), ++u->waited);
	u->regs->cmd_tail = u->cmd_tail * sizeof(struct entry);
	while (u->done != u->waited) {
		if (rdtsc() > end)
			return false;
		__asm__ volatile("pause");
	}
	return true;
}

static bool unit_start(struct unit *u, unsigned i, const void *devtab)
{
	uint64_t flags = iommus.unit[i].flags;

	u->cmds = page_alloc();
	u->events = page_alloc();
	if (!u->cmds || !u->events || !devtab)
		return false;
	u->regs->control = 0;
	u->regs->devtab = virt_to_phys(devtab) | (DEVTAB_PAGES - 1);
	u->regs->cmd_base = virt_to_phys(u->cmds) | RING_LENGTH;
	u->regs->event_base = virt_to_phys(u->events) | RING_LENGTH;
	u->regs->cmd_head = u->regs->cmd_tail = 0;
	u->regs->event_head = u->regs->event_tail = 0;
	u->regs->excl_base = 0;
	/* HtTunEn, PassPW, ResPassPW and Isoc as firmware says. */
	u->control = (flags & 1) << 1 | (flags & 6) << 7 | (flags & 8) << 8 | CONTROL_SNOOP |
		     CONTROL_ENABLE | CONTROL_EVENTS | CONTROL_CMDS;
	u->regs->control = u->control;
	if (ecam && config_page(i) < SIZE_4G) {
		u->pci_status = phys_to_virt(config_page(i) + PCI_STATUS);
		*u->pci_status = PCI_ABORTED;
	}
	command(u, CMD_INV_ALL, 0);
	return complete(u);
}

void iommu_start(uint64_t root)
{
	uint64_t(*devtab)[4] = iommus.nr ? pages_alloc(DEVTAB_PAGES) : NULL;

	for (uint64_t i = 0; devtab && i < DEVTAB_PAGES * PAGE_SIZE / sizeof(*devtab); i++) {
		devtab[i][0] = DTE_VALID | PTE_NEXT(4) | root | PTE_DMA;
		devtab[i][1] = DOMAIN;
	}
	on = iommus.nr;
	for (unsigned i = 0; on && i < iommus.nr; i++) {
		on = unit_start(&units[i], i, devtab);
		log_info("iommu: amd-vi at 0x%lx, %s; interrupts are not remapped",
			 iommus.unit[i].base, on ? "on" : "does not start");
	}
	for (unsigned i = 0; !on && i < iommus.nr; i++)
		units[i].regs->control = 0;
}

const char *iommu_name(void)
{
	return on ? "amd-vi" : "none";
}

void iommu_unmap(uint64_t pfn, uint64_t n)
{
	/*
	 * The least aligned power of two from 2 MiB on: one leaf may have mapped as much. Its size
	 * stands in the address as the lowest bit that is 0 (section 2.4.3).
	 */
	uint64_t mask = NPT_SIZE(NPT_2M) - 1, first = pfn << PAGE_SHIFT;
	uint64_t last = ((pfn + n) << PAGE_SHIFT) - 1;

	while ((first | mask) != (last | mask))
		mask = mask << 1 | 1;
	for (unsigned i = 0; on && i < iommus.nr; i++) {
		command(&units[i], CMD_INV_PAGES,
			(first & ~mask) | (mask >> 1 & PAGE_MASK) | INV_RANGE);
		if (!complete(&units[i]))
			panic("the IOMMU does not answer");
	}
}

/* One line, whatever their number. */
static void tell(const struct entry *e, unsigned n)
{
	unsigned dev = (uint16_t)e->word[0];

	if (!e->word[0])
		log_warn("iommu: DMA blocked; this IOMMU logs no details");
	else
		log_warn("iommu: DMA blocked: device %02x:%02x.%x, %s 0x%lx, event %u; %u of them",
			 dev >> 8, dev >> 3 & 31u, dev & 7u,
			 e->word[0] & EVENT_WRITE ? "write to" : "read of", e->word[1],
			 (unsigned)(e->word[0] >> 60), n);
	iommu_blocked += n;
	refused_total += n;
}

static void take_events(struct unit *u)
{
	uint64_t tail = u->regs->event_tail / sizeof(struct entry) % RING_ENTRIES;
	struct entry first = {{0}};
	unsigned n = 0;

	/* The tail may come before the entry; what has been read is zeroed. */
	while (u->event_head != tail && u->events[u->event_head].word[0]) {
		if (!n++)
			first = u->events[u->event_head];
		u->events[u->event_head].word[0] = 0;
		u->event_head = (u->event_head + 1) % RING_ENTRIES;
	}
	u->regs->event_head = u->event_head * sizeof(struct entry);
	if (u->regs->status & STATUS_OVERFLOW) { /* section 2.5.1: start it again */
		u->regs->control = u->control & ~CONTROL_EVENTS;
		u->regs->status = STATUS_OVERFLOW;
		u->regs->control = u->control;
	}
	if (u->pci_status && (*u->pci_status & PCI_ABORTED)) {
		*u->pci_status = PCI_ABORTED; /* writing 1 clears */
		n += !n;
	}
	if (n)
		tell(&first, n);
}

void iommu_poll(void)
{
	static uint64_t due;

	if (!on || rdtsc() < due)
		return;
	due = rdtsc() + clock_ticks(POLL_MS);
	for (unsigned i = 0; i < iommus.nr; i++)
		take_events(&units[i]);
}
