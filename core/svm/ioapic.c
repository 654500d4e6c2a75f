// SPDX-License-Identifier: Apache-2.0
#include "boot/acpi.h"
#include "lib/log.h"
#include "svm/assist.h"
#include "svm/doors.h"
#include "svm/event.h"
#include "svm/ioapic.h"

#define IOAPIC_DEFAULT 0xfec00000ull
#define IOREGSEL       0x00u
#define IOWIN	       0x10u
#define IOAPIC_EOI     0x40u
#define IOAPIC_FIRST   0x10u /* index of the first redirection entry, two registers each */
/* An upper half's other bits are reserved; in QEMU they say which APIC register to write. */
#define IOAPIC_DEST   0xff000000u
#define MODES_ALLOWED 0x93u	/* fixed, lowest priority, NMI, ExtINT: not SMI, INIT, SIPI */
#define HPET_TIMERS   0x100u	/* 32 bytes a timer: configuration, comparator, message */
#define HPET_MESSAGE  BIT64(14) /* interrupt by a write of its own */
#define DOOR_PAGES    16u

static struct door_page {
	uint64_t pa;
	enum door_kind kind;
	uint8_t devfn;
	/*
	 * IOREGSEL as the host set it. The device has one for all CPUs; the Core selects again
	 * with each write, under the lock of host exits, so that none gets between the two.
	 */
	uint8_t index;
} pages[DOOR_PAGES];
static unsigned nr_pages;

static struct door_page *find(uint64_t pa, uint64_t unit)
{
	for (unsigned i = 0; i < nr_pages; i++) {
		if (ALIGN_DOWN(pages[i].pa, unit) == ALIGN_DOWN(pa, unit))
			return &pages[i];
	}
	return NULL;
}

bool door_page(uint64_t pa)
{
	return find(pa, PAGE_SIZE);
}

bool door_in_region(uint64_t pa)
{
	return find(pa, NPT_SIZE(NPT_2M));
}

void door_page_add(uint64_t pa, enum door_kind kind, uint8_t devfn)
{
	pa = ALIGN_DOWN(pa, PAGE_SIZE);
	if (door_page(pa))
		return;
	if (nr_pages == DOOR_PAGES || pa >= SIZE_4G)
		panic("device page 0x%lx cannot be watched", pa);
	pages[nr_pages++] = (struct door_page){.pa = pa, .kind = kind, .devfn = devfn};
}

void door_pages_init(const uint8_t *madt, const uint8_t *hpet)
{
	uint64_t length;

	door_page_add(IOAPIC_DEFAULT, DOOR_IOAPIC, 0);
	/* MADT, section 5.2.12: type and length of each entry; type 1 is an I/O APIC. */
	for (uint32_t at = 44; madt && (length = acpi_field(madt, at + 1, 1)) >= 2;
	     at += (uint32_t)length) {
		if (acpi_field(madt, at, 1) == 1)
			door_page_add(acpi_field(madt, at + 4, 4), DOOR_IOAPIC, 0);
	}
	if (hpet && acpi_field(hpet, 44, 8))
		door_page_add(acpi_field(hpet, 44, 8), DOOR_HPET, 0);
}

static bool allowed(struct door_page *page, uint64_t at, unsigned size, uint64_t value)
{
	bool ok = true;

	switch (page->kind) {
	case DOOR_IOAPIC:
		if (at == IOREGSEL)
			page->index = (uint8_t)value;
		if (at != IOWIN)
			return size == 4 && (at == IOREGSEL || at == IOAPIC_EOI);
		*(volatile uint32_t *)phys_to_virt(page->pa + IOREGSEL) = page->index;
		if (size != 4 || page->index < IOAPIC_FIRST)
			return size == 4;
		return page->index & 1 ? !(value & ~IOAPIC_DEST)
				       : (MODES_ALLOWED >> (value >> 8 & 7) & 1);
	case DOOR_HPET:
		if (at < HPET_TIMERS)
			return true;
		at &= 0x1f; /* configuration, its upper half, comparator, its upper half */
		return size >= 4 && at < 0x10 && (at || !(value & HPET_MESSAGE));
	case DOOR_PCI:
		return !doors_pci_frozen(page->devfn, at, size);
	default:
		for (unsigned i = 0; i < size && ok; i++)
			ok = doors_mmio_byte(page->pa + at + i, (uint8_t)(value >> 8 * i));
		return ok;
	}
}

void door_host_write(struct cpu *cpu, uint64_t gpa)
{
	struct vmcb *v = cpu->host_vmcb;
	volatile void *to = phys_to_virt(gpa);
	struct space space;
	unsigned size;
	uint64_t value;

	space_host(&space, &v->save);
	if (assist_store(v, &space, cpu->gpr, gpa, &size, &value)) {
		log_warn("host: write to 0x%lx at RIP 0x%lx not understood", gpa, v->save.rip);
		refused_total++;
		event_inject_exception(v, VEC_GP, true, 0);
	} else if (!allowed(find(gpa, PAGE_SIZE), gpa & (PAGE_SIZE - 1), size, value)) {
		log_warn("host: write of 0x%lx to 0x%lx refused", value, gpa);
		refused_total++;
	} else if (size == 1) {
		*(volatile uint8_t *)to = (uint8_t)value;
	} else if (size == 2) {
		*(volatile uint16_t *)to = (uint16_t)value;
	} else if (size == 4) {
		*(volatile uint32_t *)to = (uint32_t)value;
	} else {
		*(volatile uint64_t *)to = value;
	}
}
