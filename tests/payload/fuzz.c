// SPDX-License-Identifier: Apache-2.0
/*
 * A fuzzer in the place of KVM: random VMCBs and nested tables, calls of the Core with random
 * arguments, zones of random descriptors, and their frames touched, copied, overwritten, swapped
 * and taken away. "seconds=" and "seed=" on the command line. What must hold: the Core answers, no
 * zone ever reads anything but what it wrote, zones whose frames are moved as an honest host moves
 * them live on, memory that nobody may write stays as it is, and when all zones have ended the
 * Core has as many free pages as before.
 */
#include "fuzz.h"
#include "lib/format.h"

#define HPET		0xfed00000ul
#define TIMER_VECTOR	0x50u
#define LVT_TIMER	0x320u
#define TIMER_COUNT	0x380u
#define CANARY		((uint64_t *)phys_to_virt(0x18000000))
#define CANARY_WORDS	(512u * 256)
#define CANARY_VALUE(i) (0x5ca1ab1e00000000ull + (i)*2654435761ull)

struct counts counts;
static uint64_t state, hpet_hz;

uint64_t rnd(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

uint64_t below(uint64_t n)
{
	return rnd() % n;
}

void fail(const char *what, uint64_t value)
{
	say("fuzz: seed=%lu\npayload: FAIL %s 0x%lx\n", argument("seed", 1), what, value);
	halt();
}

/* ---- the Core ---- */

static uint8_t buffer[65536] __attribute__((aligned(4096)));

int64_t core_call(uint32_t op, const void *arg, uint64_t size)
{
	int64_t r = call_core(op, arg, size);

	counts.calls++;
	counts.refused += r < 0;
	return r;
}

static struct cl_core_info core_info(void)
{
	static struct cl_core_info info;
	int64_t r = core_call(CL_OP_INFO, &info, sizeof(info));

	if (r || info.abi_version != CL_ABI_VERSION || !info.pool_pages)
		fail("the Core does not answer", (uint64_t)r);
	return info;
}

static void random_call(void)
{
	static const uint32_t ops[] = {
		CL_OP_INFO,   CL_OP_ZONE_INFO, CL_OP_OPEN_FRAMES, CL_OP_COUNTERS, CL_OP_LOG,
		CL_OP_REPORT, CL_OP_EXIT,      CL_OP_TRACE,	  CL_OP_BOOT_LOG, CL_OP_SEAL_KEY};
	static const uint32_t sizes[] = {
		sizeof(struct cl_core_info),   sizeof(struct cl_zone_info),
		sizeof(struct cl_open_frames), sizeof(struct cl_counters),
		sizeof(struct cl_log_read),    sizeof(struct cl_report_call),
		sizeof(struct cl_exit),	       sizeof(struct cl_trace),
		sizeof(struct cl_boot_log),    sizeof(struct cl_seal_key)};
	unsigned i = (unsigned)below(ARRAY(ops));
	uint32_t op = below(8) ? ops[i] : (uint32_t)(0x435a0100 + below(0x200));
	uint64_t size = below(6) ? sizes[i] : rnd() >> below(64);
	/* Answers may only go where nothing of ours is: the buffer, the Core's memory, nowhere. */
	uint64_t at[] = {virt_to_phys(buffer) + below(32768),
			 virt_to_phys(buffer) + 4096 * (1 + below(8)) - below(64),
			 0x10000000 + below(0x2000000),
			 SIZE_4G + below(SIZE_1G),
			 BIT64(47) + rnd() / 2,
			 -below(8192)};
	uint64_t to = below(3) ? at[0] : at[below(ARRAY(at))];

	for (unsigned n = 0; n < 8; n++)
		((uint64_t *)buffer)[below(8192)] = below(3) ? below(64) : rnd();
	if (op == CL_OP_ZONE_END) /* zones end where their state is known */
		return;
	core_call(op, phys_to_virt(to), size);
	if (op == CL_OP_TRACE) {
		struct cl_trace off = {0};

		core_call(CL_OP_TRACE, &off, sizeof(off));
	}
}

/* ---- time ---- */

uint64_t now(void)
{
	return *(volatile uint64_t *)phys_to_virt(HPET + 0xf0);
}

static void clock_start(void)
{
	uint64_t period = *(volatile uint64_t *)phys_to_virt(HPET) >> 32; /* femtoseconds */

	*(volatile uint64_t *)phys_to_virt(HPET + 0x10) = 1;
	hpet_hz = 1000000000000000ull / period;
	apic_write(LVT_TIMER, TIMER_VECTOR);
}

/* One VMRUN that ends: the timer of the local APIC sees to that. */
int timed_run(struct vmcb *v, uint64_t *regs)
{
	vmcb_intercept(v, ICPT_INTR);
	v->control.int_ctl |= V_INTR_MASKING;
	apic_write(TIMER_COUNT, (uint32_t)(1000 + below(below(4) ? 100000 : 4000000)));
	clgi();
	int trap = run_vmcb(v, regs, RFLAGS_ONE | RFLAGS_IF);

	counts.vmruns++;
	counts.refused += trap || (uint32_t)v->control.exit_code == EXIT_INVALID;
	stgi();
	__asm__ volatile("sti\n\tnop\n\tcli" : : : "memory");
	return trap;
}

/* ---- random guests ---- */

/*
 * They live in 2 MiB, ARENA, and their nested tables reach nothing else that can be written: what
 * a guest gone wild destroys is its own.
 */
#define ARENA	  AREA
#define TABLES	  (FREE + 0x100000)
#define NPT(n)	  ((uint64_t *)phys_to_virt(TABLES + (uint64_t)(n)*4096))
#define IN(page)  ((uint64_t)(page) << 12)
#define CODE_PAGE 16u

FRAGMENT_BEGIN(wild)
"cpuid; rdtsc; mov %cr0, %rax; mov %rax, %cr0; mov %cr3, %rax; mov %rax, %cr3; "
	"sti; nop; cli; pushfq; popfq; mov 0x18000, %eax; mov %eax, 0x19008; lock incl 0x1a010; "
	"mov $0xc0000081, %ecx; rdmsr; wrmsr; int $0x31; invlpg 0x18000; in $0x80, %al; "
	"out %eax, $0x80; mov $0x80, %edx; mov $0x1b000, %esi; mov %esi, %edi; mov $9, %ecx; "
	"rep outsb; mov $3, %ecx; rep insl; str %eax; smsw %ax; mov %cr8, %rax; mov %rax, %cr8; "
	"invd; ud2; invlpga %rax, %ecx; vmload %rax; vmsave %rax; stgi; clgi; vmrun %rax; "
	"mov %ss, %eax; mov %eax, %ss; hlt; int3; monitor; mwait; pause; wbinvd; rdpmc; vmmcall; "
	"jmp ." FRAGMENT_END(wild);

static struct vmcb *arena_guest(void)
{
	static struct vmcb v __attribute__((aligned(4096)));
	uint64_t *page = phys_to_virt(ARENA);
	uint64_t flags = PTE_P | PTE_W | PTE_U;

	guest_reset(wild);
	memcpy(&v, &vmcb, sizeof(v));
	memset(page, 0, SIZE_2M / 8);
	/* Its own tables: page 1, 2, 3; code; IDT: page 4. All at guest-physical 0 … 2 MiB. */
	page[512] = IN(2) | flags;
	page[1024] = IN(3) | flags;
	for (unsigned i = 0; i < 512; i++)
		page[1536 + i] = (uint64_t)i << 21 | flags | PTE_PS;
	memcpy(&page[512 * CODE_PAGE], wild, (size_t)(wild_end - wild));
	memset(NPT(0), 0, 4096 * 3);
	NPT(0)[0] = virt_to_phys(NPT(1)) | flags;
	NPT(1)[0] = virt_to_phys(NPT(2)) | flags;
	NPT(2)[0] = virt_to_phys(NPT(3)) | flags;
	for (unsigned i = 0; i < 512; i++)
		NPT(3)[i] = (ARENA + IN(i)) | flags;
	v.control.ncr3 = virt_to_phys(NPT(0));
	v.save.cr3 = IN(1);
	v.save.rip = IN(CODE_PAGE) + below((uint64_t)(wild_end - wild));
	v.save.rsp = IN(32);
	v.save.idtr.base = IN(4);
	v.save.gdtr.base = IN(5);
	v.control.asid = (uint32_t)(1 + below(7));
	v.control.tlb_control = (uint32_t)below(8);
	return &v;
}

static uint64_t interesting(void)
{
	uint64_t values[] = {0,
			     ~0ull,
			     BIT64(below(64)),
			     BIT64(below(64)) - 1,
			     rnd(),
			     rnd() >> below(64),
			     IN(below(512)),
			     0x10000000 + IN(below(0x2000)),
			     0xfee00000,
			     BIT64(47),
			     -BIT64(47),
			     BIT64(39) + IN(below(512))};

	return values[below(ARRAY(values))];
}

static void flip_vmcb(struct vmcb *v)
{
	struct vmcb_save *s = &v->save;
	struct vmcb_control *c = &v->control;
	uint64_t *save[] = {&s->efer,	   &s->cr4,	&s->cr3,     &s->cr0,	  &s->dr7,
			    &s->dr6,	   &s->rflags,	&s->rip,     &s->rsp,	  &s->rax,
			    &s->cr2,	   &s->g_pat,	&s->cs.base, &s->ss.base, &s->idtr.base,
			    &s->gdtr.base, &s->fs.base, &s->star,    &s->lstar};
	struct vmcb_seg *segs[] = {&s->es, &s->cs,   &s->ss,   &s->ds,	 &s->fs,
				   &s->gs, &s->gdtr, &s->ldtr, &s->idtr, &s->tr};
	static const uint64_t tables[] = {0x10000000, 0x10100000, 0xa0000000, 0xfee00000};

	switch (below(12)) {
	case 0:
	case 1: {
		uint64_t *field = save[below(ARRAY(save))];

		*field = below(2) ? *field ^ BIT64(below(64)) : interesting();
		break;
	}
	case 2: {
		struct vmcb_seg *seg = segs[below(ARRAY(segs))];

		seg->attrib = (uint16_t)rnd();
		seg->limit = (uint32_t)interesting();
		break;
	}
	case 3:
		c->event_inj = below(2) ? EVENT(below(8), below(256)) | rnd() << 32
					: EVENT(EVENT_TYPE_EXC, below(33)) | below(2) << 11;
		c->next_rip = below(2) ? 0 : interesting();
		break;
	case 4:
		c->intercept[below(6)] ^= 1u << below(32);
		break;
	case 5:
		c->int_ctl ^= BIT64(below(40));
		break;
	case 6:
		c->asid = (uint32_t)(below(4) ? below(10) : interesting());
		break;
	case 7:
		c->ncr3 = below(2) ? tables[below(ARRAY(tables))] : c->ncr3 | (rnd() & 0xfff);
		break;
	case 8:
		(below(2) ? (c->iopm_pa = tables[below(2)]) : (c->msrpm_pa = interesting()));
		break;
	case 9:
		c->tsc_offset = interesting();
		break;
	case 10:
		c->int_state = rnd();
		c->clean = rnd();
		break;
	default:
		s->cpl = (uint8_t)rnd();
		break;
	}
	/* What keeps the machine ours: no port, no HLT that nobody ends, no table by chance. */
	vmcb_intercept(v, ICPT_IOIO);
	vmcb_intercept(v, ICPT_HLT);
	vmcb_intercept(v, ICPT_MSR);
	c->nested_ctl |= NESTED_NP_ENABLE;
}

/* One entry of the nested tables: rights, reserved bits, other frames of the arena, no RAM. */
static void flip_table(void)
{
	unsigned table = (unsigned)below(4);
	uint64_t *e = &NPT(table)[table < 3 ? 0 : below(64)];

	switch (below(6)) {
	case 0:
		*e ^= BIT64(below(9));
		if (table == 2) /* a large page would be somewhere else */
			*e &= ~PTE_PS;
		if (table == 1)
			*e &= ~PTE_PS;
		break;
	case 1:
		*e ^= BIT64(52 + below(12));
		break;
	case 2:
		*e ^= BIT64(40 + below(12));
		break;
	case 3:
		if (table == 3)
			*e = (ARENA + IN(below(512))) | 7;
		break;
	case 4:
		if (table == 3)
			*e = (0x10000000 + IN(below(0x2000))) | 7; /* the Core's */
		break;
	default:
		if (table == 3)
			*e = (below(2) ? 0xfee00000 : 0xa0000000) | 5;
		break;
	}
}

static uint64_t odd;

static void odd_vmrun(void *arg)
{
	__asm__ volatile("vmrun %0" : : "a"(odd) : "memory");
}

static void odd_vmload(void *arg)
{
	__asm__ volatile("vmload %0" : : "a"(odd) : "memory");
}

static void odd_vmsave(void *arg)
{
	__asm__ volatile("vmsave %0" : : "a"(odd) : "memory");
}

/* SVM instructions on odd addresses: the arena, the Core, no RAM, beyond everything. */
static void odd_addresses(void)
{
	uint64_t at[] = {ARENA + IN(below(512)),	 ARENA + below(SIZE_2M),
			 0x10000000 + IN(below(0x2000)), 0xa0000000 + IN(below(0x1000)),
			 BIT64(40) + IN(below(4096)),	 rnd() | BIT64(50)};

	odd = at[below(ARRAY(at))];
	uint64_t keep[] = {rdmsr(MSR_STAR), rdmsr(MSR_LSTAR)};
	static struct vmcb own __attribute__((aligned(4096)));

	clgi();
	__asm__ volatile("vmsave %0" : : "a"(&own) : "memory");
	counts.refused += try_call(odd_vmsave, NULL) != 0;
	counts.refused += try_call(odd_vmload, NULL) != 0;
	__asm__ volatile("vmload %0" : : "a"(&own) : "memory");
	/* ASID 0 in zeroed memory or whatever stands there: the arena's guests are harmless. */
	if (odd < ARENA || odd >= ARENA + SIZE_2M)
		counts.refused += try_call(odd_vmrun, NULL) != 0;
	__asm__ volatile("vmload %0" : : "a"(&own) : "memory");
	if (rdmsr(MSR_STAR) != keep[0] || rdmsr(MSR_LSTAR) != keep[1])
		fail("VMLOAD state did not come back", odd);
	stgi();
}

static void random_guest(void)
{
	struct vmcb *v = arena_guest();
	static uint64_t regs[16];

	for (unsigned i = 0; i < 16; i++)
		regs[i] = interesting();
	for (uint64_t n = below(4); n--;)
		flip_vmcb(v);
	for (uint64_t n = below(3); n--;)
		flip_table();
	for (uint64_t n = 1 + below(12); n--;) {
		uint32_t before = irq_count[TIMER_VECTOR];

		/* QEMU itself ends when a guest writes CR8 while a virtual interrupt waits. */
		if (v->control.int_ctl & V_IRQ)
			vmcb_intercept(v, ICPT_CR_WRITE + 8);
		if (timed_run(v, regs))
			fail("VMRUN of a good address faults", trap_vector);
		if (irq_count[TIMER_VECTOR] == before && v->control.exit_code == EXIT_INTR)
			fail("an interrupt made the guest exit and never came", before);
		uint32_t code = (uint32_t)v->control.exit_code;

		counts.exits[code == EXIT_NPF ? 0xff : code & 0xff]++;
		if (v->control.exit_int_info & EVENT_VALID && below(2))
			v->control.event_inj = v->control.exit_int_info;
		if (v->control.next_rip && below(8))
			v->save.rip = v->control.next_rip;
		else if (below(2))
			v->save.rip = IN(CODE_PAGE) + below((uint64_t)(wild_end - wild));
		if (!below(3))
			flip_vmcb(v);
		if (!below(3))
			flip_table();
		if (!below(4))
			__asm__ volatile("invlpga %0, %1"
					 :
					 : "a"(interesting()), "c"((uint32_t)below(10)));
		v->control.tlb_control = (uint32_t)below(8);
	}
}

/* ---- rounds ---- */

static void check_memory(void)
{
	for (uint64_t i = 0; i < CANARY_WORDS; i++) {
		if (CANARY[i] != CANARY_VALUE(i))
			fail("memory has changed at word", i);
	}
}

static void flush_shadows(void)
{
	clgi();
	for (uint32_t asid = 1; asid < 8; asid++)
		__asm__ volatile("invlpga %0, %1" : : "a"(0ull), "c"(asid));
	stgi();
}

static uint64_t free_pages(void)
{
	zones_end();
	flush_shadows();
	return core_info().pool_free;
}

/* Everything that the Core allocates once: roots of shadows, maps of zones, tables of devices. */
static void warm_up(void)
{
	for (uint32_t asid = 1; asid < 8; asid++) {
		struct vmcb *v = arena_guest();
		static uint64_t regs[16];

		v->control.asid = asid;
		timed_run(v, regs);
	}
	while (!counts.launched)
		zones_round();
	for (unsigned i = 0; i < 200; i++)
		odd_addresses();
}

void body(void)
{
	uint64_t seconds = argument("seconds", 60), round = 0, pages;

	state = argument("seed", 1) * 0x9e3779b97f4a7c15ull + 1;
	clock_start();
	for (uint64_t i = 0; i < CANARY_WORDS; i++)
		CANARY[i] = CANARY_VALUE(i);
	warm_up();
	pages = free_pages();
	say("fuzz: seed=%lu seconds=%lu pool_free=%lu\n", argument("seed", 1), seconds, pages);
	uint64_t begin = now(), next = begin;

	while (now() - begin < seconds * hpet_hz) {
		for (unsigned i = 0; i < 16; i++) {
			switch (below(6)) {
			case 0:
				random_call();
				break;
			case 1:
				odd_addresses();
				break;
			case 2:
				random_guest();
				break;
			default:
				zones_round();
				break;
			}
		}
		core_info();
		round++;
		if (!below(8)) {
			check_memory();
			uint64_t left = free_pages();

			counts.checks++;
			if (left != pages)
				fail("free pages of the Core differ by", pages - left);
		}
		if (now() >= next) {
			say("fuzz: %lu s, %lu rounds, %lu VMRUNs, %lu launched, %lu moves\n",
			    (now() - begin) / hpet_hz, round, counts.vmruns, counts.launched,
			    counts.moves);
			next = now() + 5 * hpet_hz;
		}
	}
	check_memory();
	if (free_pages() != pages)
		fail("free pages of the Core at the end", free_pages());
	say("fuzz: PROTECT refused:");
	for (unsigned i = 0; i < ARRAY(counts.errors); i++) {
		if (counts.errors[i])
			say(" %u: %lu", i, counts.errors[i]);
	}
	say("\nfuzz: ok\n");
	say("fuzz: rounds=%lu vmruns=%lu protects=%lu launched=%lu calls=%lu moves=%lu ended=%lu "
	    "caught=%lu refused=%lu checks=%lu\n",
	    round, counts.vmruns, counts.protects, counts.launched, counts.calls, counts.moves,
	    counts.ended, counts.caught, counts.refused, counts.checks);
}
