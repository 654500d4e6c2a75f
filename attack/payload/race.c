// SPDX-License-Identifier: Apache-2.0
/*
 * A host kernel of the attacker's own on two CPUs: CPU 0 runs a guest, CPU 1 meanwhile flips a word
 * of its VMCB between a value that passes every check and one that must not, or leads elsewhere. If
 * the VMCB is copied once, each VMRUN comes to what one of the two values alone comes to; anything
 * else went past a check. "core=1": above the Core, where the guest goes for the Core's memory. On
 * the bare machine it goes for memory that its nested tables do not lead to.
 */
#include "race.h"

#define REGION_SIZE 0x200000ul
#define VICTIM	    0x10000000ul      /* on the bare machine */
#define SAVED	    (FREE + 0x100000) /* what the guest's VMSAVE would write */
#define READS	    16u
#define OWN	    0x6f776e6f776e0001ull
#define OTHER	    0x6f746865722d0002ull
#define NOTHING	    0x5a5a5a5a5a5a5a5aull

/* What VMRUN comes to: the exit code, and what the guest has to say. */
#define EXIT(code)  ((uint64_t)(uint32_t)(code))
#define SAYS(value) (EXIT_VMMCALL | (uint64_t)(value) << 32)
#define VECTOR(n)   SAYS(0x1000 + (n))
#define NO_VMRUN    EXIT(EXIT_INVALID)
#define FAULTS	    0xfa017000ull /* VMRUN itself */

/* Guests. EBX is what they say; 0 at first. */
FRAGMENT_BEGIN(just_ends)
"vmmcall" FRAGMENT_END(just_ends);
FRAGMENT_BEGIN(saves)
"vmsave %rax; vmmcall" FRAGMENT_END(saves);
FRAGMENT_BEGIN(shows_cr0)
"mov %cr0, %rax; cmp %rsi, %rax; setne %bl; vmmcall" FRAGMENT_END(shows_cr0);
FRAGMENT_BEGIN(shows_cr4)
"mov %cr4, %rax; cmp %rsi, %rax; setne %bl; vmmcall" FRAGMENT_END(shows_cr4);
FRAGMENT_BEGIN(uses_port)
"out %al, %dx; inc %ebx; vmmcall" FRAGMENT_END(uses_port);
FRAGMENT_BEGIN(uses_msr)
"rdmsr; inc %ebx; vmmcall" FRAGMENT_END(uses_msr);
/* 1: R8 found, 2: R9, 4: anything else. */
FRAGMENT_BEGIN(reads)
"1: mov (%rsi), %rax; mov $1, %edx; cmp %r8, %rax; je 2f; inc %edx; cmp %r9, %rax; je 2f; "
	"mov $4, %edx; 2: or %edx, %ebx; add %rdi, %rsi; loop 1b; vmmcall" FRAGMENT_END(reads);

bool above_core;
static uint64_t region, other; /* what the guest is after, and what it finds there if it may */
static struct vmcb clean __attribute__((aligned(4096)));
static uint64_t clean_gpr[16];
static uint64_t own[512] __attribute__((aligned(4096)));
static uint64_t own_pt[512] __attribute__((aligned(4096)));
static uint64_t straight[4][512] __attribute__((aligned(4096)));

static uint64_t came_to(void)
{
	uint32_t code = (uint32_t)vmcb.control.exit_code;

	if (code == EXIT_INVALID)
		return NO_VMRUN;
	if (code == EXIT_VMMCALL && guest_vector() >= 0)
		return VECTOR((unsigned)guest_vector());
	return code | gpr[RBX] << 32;
}

static void run(struct race *r)
{
	uint64_t saved = 0, *at = phys_to_virt(SAVED);

	race_begin(r);
	while (race_goes_on(r)) {
		memset(at, 0x5a, 4096);
		memcpy(&vmcb, &clean, sizeof(vmcb));
		memcpy(gpr, clean_gpr, sizeof(gpr));
		race_count(r, guest_run() ? FAULTS : came_to());
		for (unsigned i = 0; i < 512; i++)
			saved += at[i] != NOTHING;
	}
	race_end(r);
	if (saved)
		say("%s.written: gained=%lu\n", r->name, 8 * saved);
}

static void prepare(const uint8_t *code)
{
	guest_reset(code);
	/* Nested tables: what it is after leads to a page of its own; in the other ones it does
	 * not, as they lead everything straight on. */
	for (unsigned i = 0; i < 512; i++)
		own_pt[i] = virt_to_phys(own) | PTE_P | PTE_W | PTE_U;
	npt_pd[region >> 21] = virt_to_phys(own_pt) | PTE_P | PTE_W | PTE_U;
	guest_tables(straight[0], straight[1], straight[2], straight[3]);
	own[0] = OWN;
	for (unsigned bit = ICPT_VMRUN; bit <= ICPT_SKINIT; bit++)
		vmcb_intercept(&vmcb, bit);
	vmcb_intercept(&vmcb, ICPT_IOIO);
	vmcb_intercept(&vmcb, ICPT_MSR);
	if (above_core) /* it sees for itself when other nested tables come; and is faster so */
		vmcb.control.tlb_control = TLB_KEEP;
	vmcb.control.exit_code = 0xffff; /* not for VMRUN to leave there */
	vmcb.save.rax = SAVED;
	gpr[RCX] = code == uses_msr ? MSR_STAR : READS;
	gpr[RDX] = 0x300; /* no device has it */
	gpr[RSI] = code == shows_cr0 ? vmcb.save.cr0 : code == shows_cr4 ? vmcb.save.cr4 : region;
	gpr[RDI] = REGION_SIZE / READS;
	gpr[8] = OWN;
	gpr[9] = other;
	memcpy(&clean, &vmcb, sizeof(vmcb));
	memcpy(clean_gpr, gpr, sizeof(gpr));
}

static uint64_t word(unsigned at)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)&clean + at, sizeof(value));
	return value;
}

/* The field is b instead of what it is in a sound guest. */
static void race(const char *name, const uint8_t *code, unsigned at, uint64_t b, uint64_t with_a,
		 uint64_t with_b)
{
	prepare(code);
	struct race r = {.name = name,
			 .at = at,
			 .a = word(at),
			 .b = b,
			 .after = {with_a, with_b},
			 .always = with_a};

	run(&r);
}

/* Some of its bits are others: VMRUN must be refused. */
static void bits(const char *name, const uint8_t *code, unsigned at, uint64_t change,
		 uint64_t with_a)
{
	prepare(code);
	race(name, code, at, word(at) ^ change, with_a, NO_VMRUN);
}

static void event(const char *name, uint64_t a, uint64_t b, uint64_t with_a)
{
	prepare(just_ends);
	struct race r = {.name = name,
			 .at = FIELD(control.event_inj),
			 .a = a,
			 .b = b,
			 .after = {with_a, NO_VMRUN},
			 .always = with_a};

	clean.control.event_inj = a;
	run(&r);
}

static void fields(void)
{
	unsigned icpt = FIELD(control.intercept[4]), asid = FIELD(control.asid);
	unsigned iopm_at = FIELD(control.iopm_pa), msrpm_at = FIELD(control.msrpm_pa);
	unsigned ncr3 = FIELD(control.ncr3), nested = FIELD(control.nested_ctl);
	uint64_t vmmcall = BIT64(ICPT_VMMCALL - ICPT_VMRUN);
	uint64_t flush = above_core ? 0 : (uint64_t)TLB_FLUSH_ALL << 32;
	/* The last pages: of the Core's pool, and empty. */
	uint64_t map = region + REGION_SIZE - sizeof(iopm);

	race("intercepts", saves, icpt, vmmcall, EXIT(EXIT_VMSAVE), NO_VMRUN);
	/* The Core lets no guest execute it: #UD. */
	race("vmsave", saves, icpt, vmmcall | 1, EXIT(EXIT_VMSAVE), VECTOR(VEC_UD));
	race("asid.zero", just_ends, asid, flush, SAYS(0), NO_VMRUN);
	race("asid.high", just_ends, asid, flush | 0x7fffffff, SAYS(0), NO_VMRUN);
	event("event.type", EVENT(EVENT_TYPE_EXC, VEC_UD), EVENT(1, VEC_UD), VECTOR(VEC_UD));
	event("event.vector", EVENT(EVENT_TYPE_INTR, 0x40), EVENT(EVENT_TYPE_EXC, 0x80),
	      VECTOR(0x40));
	event("event.nmi", EVENT(EVENT_TYPE_NMI, 2), EVENT(EVENT_TYPE_EXC, 2), VECTOR(2));
	bits("cr0.nw", shows_cr0, FIELD(save.cr0), BIT64(29), SAYS(0));
	bits("cr0.high", shows_cr0, FIELD(save.cr0), BIT64(32), SAYS(0));
	bits("cr4.reserved", shows_cr4, FIELD(save.cr4), BIT64(15), SAYS(0));
	bits("efer.svme", just_ends, FIELD(save.efer), EFER_SVME, SAYS(0));
	bits("efer.reserved", just_ends, FIELD(save.efer), BIT64(20), SAYS(0));
	race("ncr3", reads, ncr3, virt_to_phys(straight[0]), SAYS(1), SAYS(above_core ? 2 : 1));
	bits("ncr3.high", reads, ncr3, BIT64(52), SAYS(1));
	race("ncr3.vmcb", reads, ncr3, virt_to_phys(&vmcb), SAYS(1), EXIT(EXIT_NPF));
	race("nested.off", reads, nested, 0, SAYS(1), SAYS(above_core ? 2 : 1));
	race("nested.reserved", reads, nested, ~0ull, SAYS(1), SAYS(1));
	race("iopm", uses_port, iopm_at, map, EXIT(EXIT_IOIO), EXIT(EXIT_IOIO));
	bits("iopm.high", uses_port, iopm_at, BIT64(52), EXIT(EXIT_IOIO));
	race("iopm.odd", uses_port, iopm_at, virt_to_phys(iopm) | 0xfff, EXIT(EXIT_IOIO),
	     EXIT(EXIT_IOIO));
	race("msrpm", uses_msr, msrpm_at, map, EXIT(EXIT_MSR), EXIT(EXIT_MSR));
	bits("msrpm.high", uses_msr, msrpm_at, BIT64(52), EXIT(EXIT_MSR));
	race("virt_ext", saves, FIELD(control.virt_ext), ~0ull, EXIT(EXIT_VMSAVE),
	     EXIT(EXIT_VMSAVE));
}

/* Where the Core lies, and that the host finds but one page of junk there. */
static bool find_region(void)
{
	struct cl_core_info info = {0};
	volatile uint64_t *at;

	if (!above_core) {
		region = VICTIM;
		other = OTHER;
		for (at = phys_to_virt(region); (uint64_t)at < region + REGION_SIZE; at += 512)
			*at = other;
		memset(phys_to_virt(region + REGION_SIZE - sizeof(iopm)), 0, sizeof(iopm));
		return true;
	}
	if (call_core(CL_OP_INFO, &info, sizeof(info)))
		return false;
	region = ALIGN_DOWN(info.core_base + info.core_bytes, REGION_SIZE) - REGION_SIZE;
	other = OTHER;
	*(volatile uint64_t *)phys_to_virt(region) = other;
	for (at = phys_to_virt(region); (uint64_t)at < region + REGION_SIZE; at += 512) {
		if (*at != other)
			return false;
	}
	return region >= info.core_base;
}

void body(void)
{
	above_core = argument("core", 0);
	if (!find_region() || !flip_start_cpu()) {
		say("payload: FAIL no region, or no second CPU\n");
		return;
	}
	say("region: 0x%lx\n", region);
	fields();
	zone_races();
}
