// SPDX-License-Identifier: Apache-2.0
#include <cloister/launch.h>
#include "cpu/clock.h"
#include "cpu/msr.h"
#include "evidence/measure.h"
#include "lib/log.h"
#include "lib/pool.h"
#include "lib/string.h"
#include "svm/event.h"
#include "svm/fpu.h"
#include "svm/frame.h"
#include "svm/nested.h"
#include "svm/smp.h"
#include "svm/walk.h"
#include "zone/launch.h"
#include "zone/page.h"
#include "zone/vcpu.h"

#define IDLE_MS_DEFAULT 5000u
#define IDLE_MS_MIN	100u
#define IDLE_MS_MAX	3600000u

/* Copy the descriptor once into the Core; the guest's page is not looked at again. */
static int copy_desc(struct cpu *cpu, uint64_t gpa, struct cl_launch_desc *desc)
{
	struct nested_leaf leaf;
	uint64_t error;

	if (gpa & ~PAGE_MASK)
		return -CL_EINVAL;
	if (nested_walk(cpu->nested.vmcb12->control.ncr3, gpa, 0, &leaf, &error) ||
	    !frame_is_host_ram(leaf.pa))
		return -CL_EFAULT;
	memcpy(desc, phys_to_virt(ALIGN_DOWN(leaf.pa, PAGE_SIZE)), sizeof(*desc));
	return 0;
}

/* The caller must be where the loader is: 64-bit mode, so that KVM knows the guest as such. */
static bool caller_valid(const struct cpu *cpu)
{
	const struct vmcb_save *s = &cpu->guest_vmcb->save;

	return (s->efer & EFER_LMA) && (s->cs.attrib & SEG_L) &&
	       (cpu->nested.vmcb12->control.nested_ctl & NESTED_NP_ENABLE) &&
	       !(cpu->guest_vmcb->control.exit_int_info & EVENT_VALID);
}

static int alloc_memory(struct zone *z)
{
	z->nr_pages = z->memory_bytes >> PAGE_SHIFT;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers, one for 128 records */
	uint64_t recs_bytes = z->nr_pages / RECS_PER_PAGE * sizeof(*z->recs);

	z->recs_pages = ALIGN_UP(recs_bytes, PAGE_SIZE) >> PAGE_SHIFT;
	z->open_list_pages = ALIGN_UP(z->window * sizeof(*z->open_list), PAGE_SIZE) >> PAGE_SHIFT;
	z->recs = pages_alloc(z->recs_pages);
	z->open_list = pages_alloc(z->open_list_pages);
	/* What a zone may come to need is its own from the start: no other can take it away. */
	if (!z->recs || !z->open_list || pool_promise(z->nr_pages / RECS_PER_PAGE))
		return -CL_ENOMEM;
	z->recs_promised = z->nr_pages / RECS_PER_PAGE;
	/* Every page as a 4 KiB leaf, and the directories above. */
	if (npt_init(&z->npt, (z->nr_pages >> 9) + (z->nr_pages >> 18) + 5) || npt_promise(&z->npt))
		return -CL_ENOMEM;
	for (unsigned i = 0; i < z->nr_vcpus; i++) {
		z->vcpu[i] = page_alloc();
		if (!z->vcpu[i])
			return -CL_ENOMEM;
		z->vcpu[i]->zone = z;
		z->vcpu[i]->id = i;
		z->vmcb12_pa[i] = NO_VMCB12;
		if (npt_init(&z->vcpu[i]->view, (z->nr_pages >> 9) + 64) || vcpu_init(z->vcpu[i]))
			return -CL_ENOMEM;
	}
	return 0;
}

/*
 * The zone's first page tables: low 4 GiB, 2 MiB pages, C-bit everywhere. One PML4, one PDPT,
 * four directories; the seventh page stays empty.
 */
static int boot_tables(struct zone *z)
{
	struct zone_vcpu *first = z->vcpu[0];
	uint64_t cbit = BIT64(zone_cbit()), at = CL_ZONE_BOOT_TABLES;
	uint64_t *page[CL_ZONE_BOOT_TABLES_PAGES];

	for (unsigned i = 0; i < CL_ZONE_BOOT_TABLES_PAGES; i++) {
		void *contents;
		int r = page_claim_contents(first, at + i * PAGE_SIZE, &contents);

		if (r)
			return r;
		page[i] = contents;
		memset(contents, 0, PAGE_SIZE);
	}
	page[0][0] = (at + PAGE_SIZE) | cbit | PTE_P | PTE_W;
	for (unsigned i = 0; i < 4; i++) {
		page[1][i] = (at + (2 + i) * PAGE_SIZE) | cbit | PTE_P | PTE_W;
		for (unsigned j = 0; j < 512; j++)
			page[2 + i][j] =
				(i * SIZE_1G + j * SIZE_2M) | cbit | PTE_P | PTE_W | PTE_PS;
	}
	return 0;
}

/* Claim and measure every page of the launch image, in order. */
static int measure_image(struct zone *z, const struct cl_launch_desc *d)
{
	struct measure m;

	fpu_begin();
	measure_begin(&m);
	measure_update(&m, d, sizeof(*d));
	fpu_end();
	for (uint32_t i = 0; i < d->nr_segs; i++) {
		for (uint64_t at = 0; at < d->seg[i].size; at += PAGE_SIZE) {
			void *contents;
			int r = page_claim_contents(z->vcpu[0], d->seg[i].gpa + at, &contents);

			if (r)
				return r;
			fpu_begin();
			measure_update(&m, contents, PAGE_SIZE);
			fpu_end();
			/* What is measured is the zone's already: others may have their turn. */
			core_unlock();
			core_lock();
		}
	}
	fpu_begin();
	measure_end(&m, z->digest);
	fpu_end();
	return 0;
}

/* Tell the zone the frequency of its clock; the digits were measured as they came. */
static int write_tsc_khz(struct zone *z, uint64_t gpa)
{
	uint64_t khz = clock_ticks(1);
	int r = page_touch_private(z->vcpu[0], gpa);

	if (r)
		return r;
	const struct page_rec *rec = page_rec(z, (uint64_t)page_index(z, gpa));
	char *digits = phys_to_virt(((uint64_t)rec->pfn << PAGE_SHIFT) | (gpa & ~PAGE_MASK));

	for (unsigned i = 0; i < CL_TSC_KHZ_DIGITS; i++)
		digits[i] = "0123456789abcdef"[khz >> 4 * (CL_TSC_KHZ_DIGITS - 1 - i) & 15];
	return 0;
}

/* The one state in which every zone starts: Linux's 64-bit boot protocol. */
static void first_registers(struct zone_vcpu *vcpu, const struct cl_launch_desc *d)
{
	struct vmcb_save *s = &vcpu->vmcb->save;
	struct vmcb_seg data = {.selector = 0x18, .attrib = SEG_DATA32, .limit = 0xffffffff};

	s->cs = (struct vmcb_seg){.selector = 0x10, .attrib = SEG_CODE64, .limit = 0xffffffff};
	s->ds = s->es = s->ss = s->fs = s->gs = data;
	s->tr = (struct vmcb_seg){.attrib = SEG_TSS, .limit = 0x67};
	s->ldtr = (struct vmcb_seg){.attrib = SEG_LDT};
	s->efer = EFER_LME | EFER_LMA | EFER_SVME;
	s->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	s->cr3 = CL_ZONE_BOOT_TABLES | BIT64(zone_cbit());
	s->cr4 = CR4_PAE;
	s->dr6 = DR6_INIT;
	s->dr7 = DR7_INIT;
	s->rflags = RFLAGS_ONE;
	s->g_pat = PAT_INIT;
	s->rip = d->entry_rip;
	vcpu->gpr[RSI] = d->entry_rsi;
}

/* What the host sees from now on: the loader's state, which is no secret, frozen. */
static void first_face(struct cpu *cpu, struct zone_vcpu *vcpu)
{
	vcpu->face = cpu->guest_vmcb->save;
	vcpu->face.rip = FACE_RIP;
	vcpu->face.rsp = 0;
	vcpu->face.rax = 0;
	vcpu->face.cr2 = 0;
	vcpu->face.rflags = RFLAGS_ONE | RFLAGS_IF;
}

static int prepare(struct cpu *cpu, struct zone *z)
{
	const struct cl_launch_desc *d = z->desc;
	uint64_t window = cpu->gpr[RCX], idle = cpu->gpr[RDX];
	int r;

	z->memory_bytes = d->memory_bytes;
	z->policy = d->policy;
	z->handle = cpu->gpr[RSI];
	if (!window || window > d->memory_bytes >> PAGE_SHIFT)
		window = d->memory_bytes >> PAGE_SHIFT;
	if (!idle)
		idle = IDLE_MS_DEFAULT;
	if (window < CL_WINDOW_MIN || idle < IDLE_MS_MIN || idle > IDLE_MS_MAX)
		return -CL_EINVAL;
	z->window = (uint32_t)window;
	z->idle_ms = (uint32_t)idle;
	z->nr_vcpus = d->vcpus;
	r = alloc_memory(z);
	if (r)
		return r;
	z->vcpu[0]->view_ncr3 = cpu->nested.vmcb12->control.ncr3;
	z->vcpu[0]->host_asid = cpu->nested.vmcb12->control.asid;
	r = measure_image(z, d);
	if (!r)
		r = boot_tables(z);
	if (!r && d->tsc_khz_gpa)
		r = write_tsc_khz(z, d->tsc_khz_gpa);
	return r;
}

int launch_protect(struct cpu *cpu)
{
	struct zone *z = NULL;
	unsigned id;
	int r = caller_valid(cpu) ? 0 : -CL_EPERM;

	if (!r)
		r = zone_by_vmcb12(cpu->nested.vmcb12_pa, &id) ? -CL_EEXIST : 0;
	if (!r) {
		z = zone_new();
		r = z ? copy_desc(cpu, cpu->gpr[RBX], z->desc) : -CL_ENOSPC;
	}
	if (!r)
		r = launch_check(z->desc);
	if (!r)
		r = prepare(cpu, z);
	/* Again, as the lock was given up in between: a VMCB is one zone's. */
	if (!r && zone_by_vmcb12(cpu->nested.vmcb12_pa, &id))
		r = -CL_EEXIST;
	if (r) {
		refused_total++;
		log_warn("launch refused: error %d", -r);
		if (z)
			zone_discard(z);
		return r;
	}
	struct zone_vcpu *vcpu = z->vcpu[0];

	z->vmcb12_pa[0] = cpu->nested.vmcb12_pa;
	/* One root for both sides: the C-bit is an index bit of the PML4. */
	for (unsigned i = 0; i < z->nr_vcpus; i++)
		z->vcpu[i]->view.root[1u << (zone_cbit() - 39)] = z->npt.root[0];
	first_registers(vcpu, z->desc);
	first_face(cpu, vcpu);
	vcpu->state = VCPU_ON;
	z->state = CL_ZONE_LIVE;
	page_free(z->desc);
	z->desc = NULL;
	z->next_scan = rdtsc() + clock_ticks(z->idle_ms);
	log_info("zone %lu launched: %lu MiB, window %u pages, digest "
		 "%02x%02x%02x%02x%02x%02x%02x%02x...",
		 z->instance, z->memory_bytes >> 20, z->window, z->digest[0], z->digest[1],
		 z->digest[2], z->digest[3], z->digest[4], z->digest[5], z->digest[6],
		 z->digest[7]);
	vcpu_begin(cpu, vcpu);
	return 0;
}
