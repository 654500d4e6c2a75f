// SPDX-License-Identifier: Apache-2.0
/*
 * The same with the VMCB of a live zone, whose code counts and says so by OUT, takes one interrupt,
 * and nothing else. On the bare machine the same code is an ordinary guest. A VMRUN gains something
 * if the zone takes what the host may not inject, does not go on where it was, or dies.
 */
#include "race.h"

#define DESC	((struct cl_launch_desc *)phys_to_virt(FREE))
#define CODE	(FREE + 0x1000) /* then its IDT, then its GDT and stack */
#define IDT	(CODE + 0x1000)
#define DATA	(CODE + 0x2000)
#define PAGES	3u
#define HANDLE	0x7ace
#define VEC_IRQ 0x40u
#define VEC_80	0x80u

/* What a VMRUN comes to. REFUSED is not one, but what the Core counts. */
enum { WENT_ON = 1, AGAIN, TOOK_IRQ, TOOK_OTHER, NO_VMRUN, REFUSED, DIED, WRONG = 0x100000000 };
#define TAG_SHIFT 28
/* Where the host sees the zone's one instruction, and where it goes on. */
#define FACE_RIP  0x1000ul
#define FACE_NEXT 0x1002ul

FRAGMENT_BEGIN(loader)
"vmmcall; mov %rax, %rbx; xor %eax, %eax; vmmcall; jmp ." FRAGMENT_END(loader);
FRAGMENT_BEGIN(zone_code)
"lgdt 0x02003020; lidt 0x02003030; mov $0x02004000, %esp; xor %ebx, %ebx; sti; "
	"1: inc %ebx; mov %ebx, %eax; out %eax, $0x80; jmp 1b; "
	"zone_irq: push %rax; mov $0x10000000, %eax; out %eax, $0x80; pop %rax; iretq; "
	"zone_bad: push %rax; mov $0x20000000, %eax; out %eax, $0x80; pop %rax; "
	"iretq" FRAGMENT_END(zone_code);
extern const uint8_t zone_irq[], zone_bad[];

static struct vmcb clean __attribute__((aligned(4096)));
static uint64_t empty_pml4[512] __attribute__((aligned(4096)));
static struct cl_zone_info info;
static uint64_t last; /* what it counted */

static void make_image(void)
{
	uint64_t *idt = phys_to_virt(IDT), *data = phys_to_virt(DATA);

	memset(phys_to_virt(FREE), 0, (1 + PAGES) * 4096);
	memcpy(phys_to_virt(CODE), zone_code, (size_t)(zone_code_end - zone_code));
	for (unsigned i = 0; i < 256; i++) {
		uint64_t at = CODE + (uint64_t)((i == VEC_IRQ ? zone_irq : zone_bad) - zone_code);

		idt[2 * i] = (at & 0xffff) | 0x10ull << 16 | 0x8e00ull << 32 | (at >> 16) << 48;
	}
	data[2] = 0x00209b0000000000ull; /* 0x10, 0x18: what a zone starts with */
	data[3] = 0x00cf93000000ffffull;
	data[4] = 31 | DATA << 16;
	data[6] = 4095 | IDT << 16;
	describe_launch(DESC, CL_ZONE_MEMORY_MIN, CODE, PAGES * 4096ul);
}

static bool alive(void)
{
	if (!above_core)
		return true;
	info = (struct cl_zone_info){.handle = HANDLE};
	return !call_core(CL_OP_ZONE_INFO, &info, sizeof(info)) && info.state == CL_ZONE_LIVE;
}

static uint64_t came_to(bool code_is_flipped)
{
	uint32_t code = (uint32_t)vmcb.control.exit_code;
	uint64_t said = (uint32_t)vmcb.save.rax;

	if (!alive())
		return DIED;
	if (code == EXIT_INVALID && !code_is_flipped)
		return NO_VMRUN;
	if (code != EXIT_IOIO && !code_is_flipped)
		return WRONG | code;
	if (said >> TAG_SHIFT)
		return said >> TAG_SHIFT == 1 ? TOOK_IRQ : TOOK_OTHER;
	if (said == last)
		return AGAIN;
	return said == ++last ? WENT_ON : WRONG;
}

/* One VMRUN; the ordinary guest begins anew, as an event at every VMRUN would fill its stack. */
static uint64_t step(const struct race *r)
{
	if (!above_core) {
		memcpy(&vmcb, &clean, sizeof(vmcb));
		last = 0;
	} else if (!r || r->at != FIELD(save.rip)) {
		vmcb.save.rip = FACE_NEXT;
	}
	vmcb.control.exit_code = 0;
	vmcb.save.rax = last; /* for who refuses VMRUN */
	return guest_run() ? WRONG : came_to(r && r->at == FIELD(control.exit_code));
}

static bool launch(void)
{
	struct vmcb_save *s = &vmcb.save;

	make_image();
	guest_reset(above_core ? loader : phys_to_virt(CODE));
	vmcb_intercept(&vmcb, ICPT_IOIO);
	gpr[RBX] = FREE;
	gpr[RSI] = HANDLE;
	if (above_core) {
		s->rax = CL_VMMCALL_PROTECT;
		last = 0;
		return !guest_run() && came_to(false) == WENT_ON;
	}
	s->cs.selector = 0x10;
	s->ss.selector = 0x18;
	s->gdtr = (struct vmcb_seg){.base = DATA, .limit = 31};
	s->idtr = (struct vmcb_seg){.base = IDT, .limit = 4095};
	s->rsp = DATA + 4096;
	s->rflags |= RFLAGS_IF;
	memcpy(&clean, &vmcb, sizeof(vmcb));
	return step(NULL) == WENT_ON;
}

static void race(const char *name, unsigned at, uint64_t a, uint64_t b, uint64_t with_a,
		 uint64_t with_b)
{
	struct race r = {.name = name,
			 .at = at,
			 .a = a,
			 .b = b,
			 .after = {with_a, with_b},
			 .always = WENT_ON};
	uint64_t *word = (uint64_t *)((uint8_t *)&vmcb + at), was = *word, refused, to = WENT_ON;

	if (!alive())
		return; /* then its line is missing */
	refused = info.refused;
	race_begin(&r);
	while (to != DIED && race_goes_on(&r)) {
		to = step(&r);
		if (to == WENT_ON && with_b == REFUSED && info.refused != refused)
			to = REFUSED;
		refused = info.refused;
		race_count(&r, to);
	}
	race_end(&r);
	*word = was;
}

static void event(const char *name, uint64_t b, uint64_t with_b)
{
	race(name, FIELD(control.event_inj), EVENT(EVENT_TYPE_INTR, VEC_IRQ), b, TOOK_IRQ, with_b);
	vmcb.control.event_inj = 0;
	for (unsigned i = 0; i < 4; i++) /* one may still wait */
		step(NULL);
}

void zone_races(void)
{
	if (!launch()) {
		say("payload: FAIL the zone does not start, exit 0x%lx\n", vmcb.control.exit_code);
		halt();
	}
	event("zone.exception", EVENT(EVENT_TYPE_EXC, VEC_UD), REFUSED);
	event("zone.syscall", EVENT(EVENT_TYPE_INTR, VEC_80), REFUSED);
	event("zone.invalid", EVENT(EVENT_TYPE_EXC, VEC_80), NO_VMRUN);
	race("zone.virtual", FIELD(control.int_ctl), 0,
	     V_IRQ | V_IGN_TPR | V_INTR_PRIO_MASK | (uint64_t)VEC_80 << V_VECTOR_SHIFT, WENT_ON,
	     WENT_ON);
	if (!above_core) /* the rest is an ordinary guest's own state */
		return;
	race("zone.rip", FIELD(save.rip), FACE_NEXT, FACE_RIP, WENT_ON, AGAIN);
	race("zone.intercepts", FIELD(control.intercept[4]), vmcb.control.intercept[4], 0, WENT_ON,
	     NO_VMRUN);
	race("zone.asid", FIELD(control.asid), BIT64(32) | 1, BIT64(32) | 2, WENT_ON, WENT_ON);
	race("zone.asid.high", FIELD(control.asid), BIT64(32) | 1, 0x7fffffff, WENT_ON, NO_VMRUN);
	race("zone.ncr3", FIELD(control.ncr3), vmcb.control.ncr3, virt_to_phys(empty_pml4), WENT_ON,
	     WENT_ON);
	race("zone.cr3", FIELD(save.cr3), vmcb.save.cr3, virt_to_phys(empty_pml4), WENT_ON,
	     WENT_ON);
	race("zone.rsp", FIELD(save.rsp), 0, DATA, WENT_ON, WENT_ON);
	race("zone.exit", FIELD(control.exit_code), EXIT_IOIO, EXIT_SHUTDOWN, WENT_ON, WENT_ON);
	if (step(NULL) == WENT_ON) /* none of it has harmed it */
		say("zone.lives: %lu\n", last);
}
