// SPDX-License-Identifier: Apache-2.0
/*
 * Zones of the fuzzer: tiny ones, whose code writes a value of its own to each of its pages and
 * looks at it again. An honest zone's frames are moved with their contents; those of the others in
 * every way.
 */
#include "fuzz.h"

#define SLOTS	    3u
#define REGION	    0x20000000ul /* frames: 32 MiB for each zone */
#define REGION_SIZE 0x02000000ul
#define SPARE	    0x01000000ul /* second half: where pages may move to */
#define GPA_TABLES  0x20000ul
#define GPA_DESC    0x10000ul
#define GPA_LOADER  0x100000ul
#define GPA_CODE    0x200000ul
#define DATA_FIRST  0x400u
#define DATA_PAGES  256u
#define SHARED_PAGE 0xa00u
#define FLAGS	    (PTE_P | PTE_W | PTE_U)
#define PORT_OK	    0x80
#define PORT_BAD    0x81

/* The loader, as tools' loader: PROTECT, and back to the host with what it said. */
FRAGMENT_BEGIN(loader)
"vmmcall; mov %rax, %rbx; xor %eax, %eax; vmmcall; jmp ." FRAGMENT_END(loader);

/*
 * In the zone, R8 its random state: 2 MiB at 0xa00000 become shared (the C-bit is bit 39 here),
 * then page by page.
 */
FRAGMENT_BEGIN(zone_code)
"btrq $39, 0xa028; mov %cr3, %rax; mov %rax, %cr3; rdtsc; mov %rax, %r8; or $1, %r8; "
	"1: mov %r8, %rax; shl $13, %rax; xor %rax, %r8; mov %r8, %rax; shr $7, %rax; "
	"xor %rax, %r8; mov %r8, %rax; shl $17, %rax; xor %rax, %r8; "
	"mov %r8d, %ebx; and $0xff, %ebx; shl $12, %ebx; add $0x400000, %ebx; "
	"mov (%rbx), %rcx; test %rcx, %rcx; jz 2f; cmp %rbx, %rcx; jne 9f; "
	"cmp %rbx, 0xff8(%rbx); jne 9f; "
	"2: mov %rbx, (%rbx); mov %rbx, 0xff8(%rbx); "
	"bt $20, %r8d; jnc 3f; mov %r8d, %ebx; and $0xf000, %ebx; lock incl 0xa00000(%rbx); "
	"3: inc %r9d; test $15, %r9d; jnz 1b; bt $21, %r8d; jnc 4f; out %al, $0x80; jmp 1b; "
	"4: bt $22, %r8d; jnc 5f; xor %eax, %eax; cpuid; jmp 1b; 5: in $0x80, %al; jmp 1b; "
	"9: out %al, $0x81; jmp 9b" FRAGMENT_END(zone_code);

static struct slot {
	bool live, honest;
	uint64_t handle, instance;
	uint64_t regs[16];
	uint64_t kept[DATA_PAGES]; /* entries of pages that are unmapped for now */
	uint64_t next_spare;
	bool flush;
} slots[SLOTS];

static struct vmcb vmcbs[SLOTS] __attribute__((aligned(4096)));
/* Nested: PML4, PDPT, PD, and tables for 16 MiB. */
static uint64_t tables[SLOTS][3 + 8][512] __attribute__((aligned(4096)));
static uint8_t saved[SLOTS][4096]; /* an older state of some page */
static uint64_t saved_page[SLOTS];

static uint64_t region(const struct slot *s)
{
	return REGION + (uint64_t)(s - slots) * REGION_SIZE;
}

static void *frame_of(const struct slot *s, uint64_t gpa)
{
	return phys_to_virt(region(s) + gpa);
}

static uint64_t *entry_of(const struct slot *s, uint64_t page)
{
	return &tables[s - slots][3 + page / 512][page % 512];
}

static bool info_of(uint64_t handle, struct cl_zone_info *info)
{
	memset(info, 0, sizeof(*info));
	info->handle = handle;
	return !core_call(CL_OP_ZONE_INFO, info, sizeof(*info));
}

/* True if it is as it should be: what is changed may still launch, and run into the void. */
static bool make_desc(struct cl_launch_desc *d)
{
	describe_launch(d, CL_ZONE_MEMORY_MIN, GPA_CODE, 4096);
	if (below(3))
		d->seg[d->nr_segs++] = (struct cl_launch_seg){(DATA_FIRST + 300 + below(64)) << 12,
							      (1 + below(32)) << 12};
	if (below(3))
		return true;
	uint64_t words = 16 + 4 * below(3), at = below(words);

	switch (below(4)) {
	case 0:
		((uint64_t *)d)[at] ^= BIT64(below(64));
		break;
	case 1:
		((uint32_t *)d)[at] = (uint32_t)(rnd() >> below(64));
		break;
	case 2: {
		struct cl_launch_seg *seg = &d->seg[below(3)];

		(below(2) ? (seg->gpa = rnd() >> below(64)) : (seg->size = rnd() >> below(64)));
		d->nr_segs = (uint32_t)below(5);
		break;
	}
	default:
		((uint8_t *)d)[below(4096)] ^= (uint8_t)(1 + below(255));
		break;
	}
	return false;
}

static bool is_in(const struct slot *s, uint64_t entry)
{
	return (entry & PTE_ADDR) - region(s) < REGION_SIZE;
}

/* Another zone's table leads here, from the slot's last zone: a host with both is not honest. */
static bool reached(const struct slot *s)
{
	for (unsigned n = 0; n < SLOTS; n++) {
		if (&slots[n] == s || !slots[n].live)
			continue;
		for (unsigned i = 0; i < 8 * 512; i++) {
			if (is_in(s, tables[n][3 + i / 512][i % 512]))
				return true;
		}
		for (unsigned i = 0; i < DATA_PAGES; i++) {
			if (is_in(s, slots[n].kept[i]))
				return true;
		}
	}
	return false;
}

static void launch(struct slot *s)
{
	unsigned n = (unsigned)(s - slots);
	struct vmcb *v = &vmcbs[n];
	uint64_t *own = frame_of(s, GPA_TABLES);

	memset(s, 0, sizeof(*s));
	memset(phys_to_virt(region(s)), 0, 0x300000);
	memset(frame_of(s, DATA_FIRST << 12), 0, (DATA_PAGES + 512) << 12);
	memset(tables[n], 0, sizeof(tables[n]));
	tables[n][0][0] = virt_to_phys(tables[n][1]) | FLAGS;
	tables[n][1][0] = virt_to_phys(tables[n][2]) | FLAGS;
	for (unsigned i = 0; i < 8; i++) {
		tables[n][2][i] = virt_to_phys(tables[n][3 + i]) | FLAGS;
		for (unsigned j = 0; j < 512; j++)
			tables[n][3 + i][j] = (region(s) + (i * 512ul + j) * 4096) | FLAGS;
	}
	own[0] = (GPA_TABLES + 0x1000) | FLAGS;
	own[512] = (GPA_TABLES + 0x2000) | FLAGS;
	for (uint64_t i = 0; i < 512; i++)
		own[1024 + i] = i << 21 | FLAGS | PTE_PS;
	memcpy(frame_of(s, GPA_LOADER), loader, (size_t)(loader_end - loader));
	memcpy(frame_of(s, GPA_CODE), zone_code, (size_t)(zone_code_end - zone_code));
	bool whole = make_desc(frame_of(s, GPA_DESC));

	guest_reset(loader);
	memcpy(v, &vmcb, sizeof(*v));
	v->control.ncr3 = virt_to_phys(tables[n][0]);
	v->control.asid = n + 1;
	v->save.cr3 = GPA_TABLES;
	v->save.rip = GPA_LOADER;
	v->save.rax = CL_VMMCALL_PROTECT;
	vmcb_intercept(v, ICPT_IOIO);
	vmcb_intercept(v, ICPT_MSR);
	vmcb_intercept(v, ICPT_HLT);
	s->handle = rnd() | 1;
	s->regs[RBX] = GPA_DESC + (below(16) ? 0 : rnd() >> below(64));
	s->regs[RCX] = below(8) ? CL_WINDOW_MIN + below(256) : rnd() >> below(64);
	s->regs[RDX] = below(8) ? 0 : below(10000);
	s->regs[RSI] = s->handle;
	if (!below(16)) /* frames that are no frames, below the descriptor's segments */
		*entry_of(s, GPA_CODE >> 12) = (below(2) ? 0x10000000 : 0xa0000000) | FLAGS;
	counts.protects++;
	struct cl_zone_info info;

	for (unsigned i = 0; i < 256; i++) { /* the timer may come first, many times */
		timed_run(v, s->regs);
		v->control.tlb_control = TLB_KEEP;
		if (info_of(s->handle, &info) || v->control.exit_code == EXIT_VMMCALL)
			break;
	}
	s->live = info_of(s->handle, &info) && info.state == CL_ZONE_LIVE;
	if (!s->live) {
		uint64_t error = -s->regs[RBX];

		counts.errors[error < 64 ? error : 0]++;
		counts.refused++;
		return;
	}
	s->instance = info.instance;
	s->honest = whole && below(2) && !reached(s);
	counts.launched++;
}

/* The zone is no more: for an honest host's zone that is a failure, but when it asked for it. */
static void gone(struct slot *s, bool asked)
{
	struct cl_zone_ref ref = {s->instance};
	struct cl_zone_info info;

	if (!info_of(s->handle, &info) || info.state != CL_ZONE_DEAD)
		fail("a zone shut down, but is not dead", info.state);
	if (s->honest && !asked) {
		say("fuzz: reason: %s\n", info.reason);
		fail("an honest host's zone ended, exit", vmcbs[s - slots].control.exit_code);
	}
	/* Its VMCB serves another guest next. */
	if (core_call(CL_OP_ZONE_END, &ref, sizeof(ref)))
		fail("a dead zone cannot be told to have ended", s->instance);
	s->live = false;
	counts.ended++;
	counts.caught += !asked;
}

static void end(struct slot *s)
{
	struct cl_zone_ref ref = {s->instance};
	struct cl_zone_info info;

	if (info_of(s->handle, &info) && info.state == CL_ZONE_LIVE &&
	    core_call(CL_OP_ZONE_END, &ref, sizeof(ref)))
		fail("a zone cannot be ended", s->instance);
	gone(s, true);
	/* Its frames are the host's again, and hold nothing of the zone. */
	for (uint64_t i = 0; i < DATA_PAGES; i++) {
		const uint64_t *page = frame_of(s, (DATA_FIRST + i) << 12);

		if (page[0] == (DATA_FIRST + i) << 12 && page[511] == page[0])
			fail("plaintext of a zone at page", DATA_FIRST + i);
	}
}

static bool is_zone_memory(uint64_t pa)
{
	return pa >= REGION && pa < REGION + SLOTS * REGION_SIZE;
}

static void move(struct slot *s)
{
	uint64_t at = below(DATA_PAGES), page = DATA_FIRST + at,
		 other = DATA_FIRST + below(DATA_PAGES);
	uint64_t *e = entry_of(s, page), *f = entry_of(s, other), swap;
	uint8_t *frame = phys_to_virt(*e & PTE_ADDR);
	unsigned n = (unsigned)(s - slots);

	if (!(*e & PTE_P) || !(*f & PTE_P))
		return;
	/* It leads to a device or the Core, or is random since the table was a zone's page. */
	if (!is_zone_memory(*e & PTE_ADDR) && !s->honest) {
		*e = *f;
		return;
	}
	counts.moves++;
	s->flush = true;
	switch (below(s->honest ? 3 : 10)) {
	case 0: { /* look at it: never the zone's own words */
		const volatile uint64_t *words = (const volatile uint64_t *)frame;

		if (words[0] == page << 12 && words[511] == page << 12)
			fail("the host reads a zone's page", page);
		break;
	}
	case 1: { /* migrate */
		uint64_t to = region(s) + SPARE + (s->next_spare++ % 4096) * 4096;

		memcpy(phys_to_virt(to), frame, 4096);
		*e = to | FLAGS;
		memset(frame, 0xdd, 4096);
		break;
	}
	case 2: /* take it away until it is missed */
		s->kept[at] = *e;
		*e = 0;
		break;
	case 3: /* overwrite */
		frame[below(4096)] ^= (uint8_t)(1 + below(255));
		break;
	case 4: /* swap */
		swap = *e;
		*e = *f;
		*f = swap;
		break;
	case 5: /* alias */
		*e = *f;
		break;
	case 6: /* remember, or bring back an older state */
		if (saved_page[n] == page) {
			memcpy(frame, saved[n], 4096);
		} else {
			memcpy(saved[n], frame, 4096);
			saved_page[n] = page;
		}
		break;
	case 7: /* no frame of the host */
		*e = (below(2) ? 0x10000000 + (below(0x2000) << 12) : 0xa0000000) | FLAGS;
		break;
	case 8: /* another zone's page into this one */
		for (unsigned i = 0; i < SLOTS; i++) {
			if (i != n && slots[i].live && !slots[i].honest)
				*e = *entry_of(&slots[i], page) | FLAGS;
		}
		break;
	default: /* the zone's table, or its VMCB, is one of its pages */
		if (!below(4))
			*e = (below(2) ? virt_to_phys(tables[n][3 + page / 512])
				       : virt_to_phys(&vmcbs[n])) |
			     FLAGS;
		break;
	}
}

static void run(struct slot *s)
{
	struct vmcb *v = &vmcbs[s - slots];
	struct vmcb_control *c = &v->control;

	if (!s->honest && !below(4)) { /* the face may be anything */
		((uint64_t *)&v->save)[below(sizeof(v->save) / 8)] ^= BIT64(below(64));
		c->event_inj = below(2) ? 0 : EVENT(below(8), below(256)) | rnd() << 32;
		for (unsigned i = 0; i < 16; i++)
			s->regs[i] = rnd();
		/* It is no zone any more if the Core sees a reset: then this must not run wild. */
		c->ncr3 = virt_to_phys(tables[s - slots][0]);
	}
	c->tlb_control = s->flush ? TLB_FLUSH_ALL : TLB_KEEP;
	if (timed_run(v, s->regs)) {
		/* The VMCB page itself became the zone's: that is the host's own fault. */
		if (s->honest)
			fail("VMRUN of a zone faults", trap_vector);
		end(s);
		return;
	}
	s->flush = false;
	struct cl_zone_info info;

	if (!s->honest && info_of(s->handle, &info) && info.state == CL_ZONE_DEAD) {
		gone(s, false); /* whatever its VMCB runs now is no zone */
		return;
	}
	switch ((uint32_t)c->exit_code) {
	case EXIT_IOIO:
		if (IOIO_PORT(c->exit_info1) == PORT_BAD)
			fail("a zone has read what it did not write", s->instance);
		if (IOIO_PORT(c->exit_info1) != PORT_OK)
			fail("a zone's port", c->exit_info1);
		if (c->exit_info1 & IOIO_IN)
			v->save.rax = 0xff;
		v->save.rip = c->exit_info2;
		break;
	case EXIT_NPF: {
		uint64_t page = c->exit_info2 >> 12;

		if (page >= DATA_FIRST && page < DATA_FIRST + DATA_PAGES) {
			if (s->kept[page - DATA_FIRST])
				*entry_of(s, page) = s->kept[page - DATA_FIRST];
			else if (!s->honest)
				*entry_of(s, page) = (region(s) + (page << 12)) | FLAGS;
			s->kept[page - DATA_FIRST] = 0;
		} else if (s->honest) {
			fail("a fault outside a zone's data", c->exit_info2);
		}
		break;
	}
	case EXIT_SHUTDOWN:
		gone(s, false);
		break;
	case EXIT_INVALID & 0xffffffff:
		if (s->honest)
			fail("VMRUN of a zone is refused", s->instance);
		end(s);
		break;
	default:
		break;
	}
}

void zones_end(void)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		if (slots[i].live)
			end(&slots[i]);
	}
}

void zones_round(void)
{
	struct slot *s = &slots[below(SLOTS)];

	if (!s->live) {
		launch(s);
		return;
	}
	for (uint64_t i = below(16); i-- && s->live;) {
		for (uint64_t m = below(4); m--;)
			move(s);
		run(s);
	}
	if (s->live && !below(32))
		end(s);
}
