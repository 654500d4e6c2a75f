/* SPDX-License-Identifier: Apache-2.0 */
/* What guest.S and its VMM agree on. */
#ifndef TESTS_GUEST_H
#define TESTS_GUEST_H

/* Guest-physical (and, in the Core's first page tables, linear) addresses. */
#define PLAIN_PML4 0x2000 /* page tables of the guest before it is a zone */
#define DESC_GPA   0x10000
#define GUEST_GPA  0x100000
#define STACK	   0x180000
#define IDT	   0x181000
#define TOUCH	   0x190000 /* a page that nothing else touches */
#define BOOT_PML4  0x8000   /* CL_ZONE_BOOT_TABLES */
#define BOOT_PD	   0xa000
#define PAGES_GPA  0x400000
#define SHARED_GPA 0x2000000
#define MMIO_GPA   0xd0000000

/* Linear addresses without the C-bit. */
#define SHARED 0x8000000 /* → SHARED_GPA */
#define ALIAS  0x8200000 /* → PAGES_GPA */
#define MMIO   0x8400000 /* → MMIO_GPA */

/* Ports. */
#define REFUSED 0x501
#define SAY	0x510
#define IRQ	0x520
#define PORT	0x530

/* Words for SAY. */
#define DONE	  0x600dc0de
#define NO_TRAP	  0xff
#define SAY_PAGES 0x50414745
#define SAY_TICK  0x5449434b

#define SECRET	  0x5ec2e7c0de5ec2e7
#define PATTERN	  0x434c4f4953544552

/* Of guest_attack.inc: upper half of PATTERN; "RSD PTR ". */
#define PATTERN_HIGH 0x434c4f49
#define ACPI_RSDP    0x2052545020445352

#define TASKS	     30
#ifndef __ASSEMBLER__
enum task {
	TASK_SPIN,
	TASK_INSTRUCTIONS,
	TASK_MSRS,
	TASK_MSR_VALUES,
	TASK_CPUID,
	TASK_CALLS,
	TASK_EXIT,
	TASK_PAGES,
	TASK_VERSIONS,
	TASK_SECRETS,
	TASK_TRIPLE_FAULT,
	TASK_INTERRUPTS,
	TASK_FETCH_SHARED,
	TASK_TABLES_SHARED,
	TASK_OUTSIDE_RAM,
	TASK_HOLE,
	TASK_CONVERT,
	TASK_TWICE,
	TASK_DEBUGREGS,
	/* guest_attack.inc */
	TASK_ROUNDS,
	TASK_LOOK,
	TASK_TELL,
	TASK_OWN_MSRS,
	TASK_CLOCK,
	TASK_ACPI,
	TASK_WRITE_MSRS,
	TASK_WRITE_PORTS,
	TASK_RANDOM_CALLS,
	TASK_RANDOM_TABLES,
	TASK_SEAL_KEY,
};
#endif

#endif
