// SPDX-License-Identifier: Apache-2.0
#include "insn/assist.h"
#include "insn/mmio.h"
#include "lib/string.h"
#include "svm/assist.h"
#include "svm/frame.h"
#include "zone/page.h"
#include "zone/watch.h"

#define ENTRIES	   512u
#define ARITHMETIC (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/* The first address that a table with leaves of this level translates, for gpa to be in it. */
static uint64_t first_gpa(uint64_t gpa, unsigned level)
{
	return ALIGN_DOWN(gpa, NPT_SIZE(level) * ENTRIES);
}

bool watch_is_on(const struct zone *z, uint64_t gpa, const struct nested_leaf *leaf)
{
	uint64_t pfn = leaf->entry >> PAGE_SHIFT;
	unsigned slot;
	uint32_t gpn;

	if (frame_state(pfn) != FRAME_TABLE || frame_level(pfn) != leaf->level)
		return false;
	frame_owner(pfn, &slot, &gpn);
	return slot == z->slot && gpn == first_gpa(gpa, leaf->level) >> PAGE_SHIFT;
}

int watch_table(struct zone *z, uint64_t gpa, const struct nested_leaf *leaf)
{
	uint64_t pfn = leaf->entry >> PAGE_SHIFT;

	/* For another zone or place: left over there, or in two places at once. */
	if (frame_state(pfn) == FRAME_TABLE)
		watch_break(pfn);
	z->took_frames = true; /* the next to come is the page behind it */
	return frame_watch(pfn, z->slot, (uint32_t)(first_gpa(gpa, leaf->level) >> PAGE_SHIFT),
			   leaf->level);
}

static bool is_leaf(uint64_t entry, unsigned level)
{
	return (entry & PTE_P) && (level == NPT_4K || (entry & PTE_PS));
}

/* Entry number i of a watched table is about to change from old: what it leads to goes. */
static void take_away(uint64_t pfn, unsigned i, uint64_t old)
{
	unsigned slot, level = frame_level(pfn);
	uint64_t size = NPT_SIZE(level);
	uint32_t gpn;

	if (!is_leaf(old, level))
		return;
	frame_owner(pfn, &slot, &gpn);
	struct zone *z = zone_by_slot(slot);
	uint64_t gpa = ((uint64_t)gpn << PAGE_SHIFT) + i * size;

	/* RAM begins at multiples of any size: where a leaf does not begin in it, none of it is. */
	if (page_index(z, gpa) < 0)
		return;
	/* Of one that ends nothing comes back: its frames are scrubbed. */
	if (z->state == CL_ZONE_LIVE || z->state == CL_ZONE_LAUNCHING)
		page_surrender_range(z, gpa, (old & PTE_ADDR & ~(size - 1)) >> PAGE_SHIFT,
				     size >> PAGE_SHIFT);
}

void watch_break(uint64_t pfn)
{
	const uint64_t *table = phys_to_virt(pfn << PAGE_SHIFT);

	for (unsigned i = 0; i < ENTRIES; i++)
		take_away(pfn, i, __atomic_load_n(&table[i], __ATOMIC_RELAXED));
	frame_unwatch(pfn);
}

static bool is_empty(uint64_t pfn)
{
	const uint64_t *table = phys_to_virt(pfn << PAGE_SHIFT);

	for (unsigned i = 0; i < ENTRIES; i++) {
		if (table[i] & PTE_P)
			return false;
	}
	return true;
}

static void change(uint64_t pa, uint64_t old, uint64_t new)
{
	const uint64_t meaning = PTE_P | PTE_W | PTE_U | PTE_PS | PTE_ADDR;
	uint64_t pfn = pa >> PAGE_SHIFT;

	if ((old ^ new) & meaning)
		take_away(pfn, (unsigned)(pa & (PAGE_SIZE - 1)) / 8, old);
	__atomic_store_n((uint64_t *)phys_to_virt(pa), new, __ATOMIC_SEQ_CST);
	/* The host is done with it, and may give it to a device. */
	if ((old & PTE_P) && !(new &PTE_P) && is_empty(pfn))
		frame_unwatch(pfn);
}

/* CMP a, b: AMD APM vol. 3. */
static uint64_t compare_flags(uint64_t a, uint64_t b)
{
	uint64_t r = a - b;

	return (a < b ? RFLAGS_CF : 0) | (__builtin_parity(r & 0xff) ? 0 : RFLAGS_PF) |
	       ((a ^ b ^ r) & RFLAGS_AF) | (r ? 0 : RFLAGS_ZF) | (r >> 63 ? RFLAGS_SF : 0) |
	       (((a ^ b) & (a ^ r)) >> 63 ? RFLAGS_OF : 0);
}

/*
 * What hypervisors change an entry by: MOV, XCHG and CMPXCHG of all of it. False if the instruction
 * is another: nothing has happened.
 */
static bool emulate(struct cpu *cpu, uint64_t pa)
{
	struct vmcb_save *s = &cpu->host_vmcb->save;
	struct space space;
	struct mmio_op op;
	struct insn in;
	uint64_t old = *(const uint64_t *)phys_to_virt(pa);

	space_host(&space, s);
	if (assist_decode(&space, &in) || !in.has_mem || in.opsize != 8 || (pa & 7))
		return false;
	/* RAX and RSP live in the VMCB. An access that began on the page before faults here, too.
	 */
	cpu->gpr[RAX] = s->rax;
	cpu->gpr[RSP] = s->rsp;
	if (insn_effective(&in, cpu->gpr, insn_next_rip(&in, s->rip), 0) & 7)
		return false;
	uint64_t *reg = in.reg == RAX ? &s->rax : in.reg == RSP ? &s->rsp : &cpu->gpr[in.reg];

	if (!insn_mmio(&in, &op) && op.write) {
		change(pa, old, op.from_imm ? op.imm : *reg);
	} else if (in.opcode_map == 0 && in.opcode == 0x87) {
		change(pa, old, *reg);
		*reg = old;
	} else if (in.opcode_map == 1 && in.opcode == 0xb1) {
		s->rflags = (s->rflags & ~ARITHMETIC) | compare_flags(s->rax, old);
		if (s->rax == old)
			change(pa, old, *reg);
		else
			s->rax = old;
	} else {
		return false;
	}
	s->rip = insn_next_rip(&in, s->rip);
	cpu->host_vmcb->control.int_state &= ~INT_SHADOW;
	return true;
}

bool watch_host_write(struct cpu *cpu, uint64_t gpa)
{
	const struct vmcb_control *c = &cpu->host_vmcb->control;
	bool traced = cpu->host_vmcb->save.rflags & RFLAGS_TF;

	if (frame_state(gpa >> PAGE_SHIFT) != FRAME_TABLE)
		return false;
	/*
	 * Not by an instruction's operand, or by one that the host traces, or of another kind: all
	 * pages go, and the host does it itself.
	 */
	if (!(c->exit_info1 & NPF_W) || !(c->exit_info1 & NPF_FINAL) || c->event_inj || traced ||
	    !emulate(cpu, gpa))
		watch_break(gpa >> PAGE_SHIFT);
	return true;
}
