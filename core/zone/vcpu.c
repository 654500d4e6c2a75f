// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include "cpu/msr.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/pool.h"
#include "insn/insn.h"
#include "lib/string.h"
#include "svm/bitmap.h"
#include "svm/event.h"
#include "svm/fpu.h"
#include "svm/frame.h"
#include "svm/nested.h"
#include "zone/irq.h"
#include "zone/page.h"
#include "zone/start.h"
#include "zone/vcpu.h"

static const unsigned zone_intercepts[] = {
	ICPT_INTR,
	ICPT_NMI,
	ICPT_SMI,
	ICPT_INIT,
	ICPT_RDPMC,
	ICPT_CPUID,
	ICPT_INVD,
	ICPT_WBINVD,
	ICPT_HLT,
	ICPT_INVLPGA,
	ICPT_IOIO,
	ICPT_MSR,
	ICPT_SHUTDOWN,
	ICPT_VMRUN,
	ICPT_VMMCALL,
	ICPT_VMLOAD,
	ICPT_VMSAVE,
	ICPT_STGI,
	ICPT_CLGI,
	ICPT_SKINIT,
	ICPT_MONITOR,
	ICPT_MWAIT,
	ICPT_MWAIT_ARMED,
	ICPT_CR_WRITE + 3,
	ICPT_EXCEPTION + VEC_DB,
	ICPT_EXCEPTION + VEC_AC,
	ICPT_EXCEPTION + VEC_MC,
};

/* The same for every zone, and not written after this. */
static uint8_t *zone_iopm, *zone_msrpm;
const uint8_t *zone_zeros;
static bool has_tsc_aux, has_xss;

void vcpus_init(void)
{
	has_tsc_aux = cpuid(0x80000001, 0).edx & BIT64(27);
	has_xss = cpuid(0, 0).eax >= 0xd && (cpuid(0xd, 1).eax & BIT64(3));
	zone_iopm = pages_alloc(IOPM_PAGES);
	zone_msrpm = pages_alloc(MSRPM_PAGES);
	zone_zeros = page_alloc();
	if (!zone_iopm || !zone_msrpm || !zone_zeros)
		panic("not enough Core memory for zones");
	memset(zone_iopm, 0xff, IOPM_PAGES * PAGE_SIZE);
	memset(zone_msrpm, 0xff, MSRPM_PAGES * PAGE_SIZE);
	zone_msr_permissions(zone_msrpm);
}

int vcpu_init(struct zone_vcpu *vcpu)
{
	struct vmcb *v;

	vcpu->vmcb = v = page_alloc();
	vcpu->fpu = page_alloc();
	if (!v || !vcpu->fpu)
		return -CL_ENOMEM;
	for (unsigned i = 0; i < sizeof(zone_intercepts) / sizeof(zone_intercepts[0]); i++)
		vmcb_intercept(v, zone_intercepts[i]);
	v->control.intercept[1] = DEBUGREG_INTERCEPTS;
	vcpu->debug.dr7 = DR7_INIT;
	v->control.iopm_pa = virt_to_phys(zone_iopm);
	v->control.msrpm_pa = virt_to_phys(zone_msrpm);
	v->control.asid = HOST_ASIDS + 1;
	v->control.int_ctl = V_INTR_MASKING;
	v->control.nested_ctl = NESTED_NP_ENABLE;
	v->control.ncr3 = virt_to_phys(vcpu->view.root);
	vcpu->xcr0 = 1; /* as after reset */
	epoch_advance(&vcpu->zone->epoch);
	return 0;
}

static void swap_msr(bool has, uint32_t msr, uint64_t *other)
{
	if (!has)
		return;
	uint64_t live = rdmsr(msr);

	if (live != *other)
		wrmsr(msr, *other);
	*other = live;
}

/* XSS of a zone is 0: XRSTORS would reach supervisor states that are the host's still. */
static void swap_msrs(struct zone_vcpu *vcpu)
{
	swap_msr(has_tsc_aux, MSR_TSC_AUX, &vcpu->tsc_aux);
	swap_msr(has_xss, MSR_XSS, &vcpu->xss);
}

/* Registers that no VMCB holds: the host's out, the zone's in. */
static void load_live(struct cpu *cpu, struct zone_vcpu *vcpu)
{
	fpu_store(cpu->fpu_host, &cpu->xcr0_host);
	fpu_load(vcpu->fpu, vcpu->xcr0);
	swap_msrs(vcpu);
	vcpu->on = cpu;
	cpu->vcpu = vcpu;
	cpu->run = RUN_ZONE;
}

static void store_live(struct cpu *cpu, struct zone_vcpu *vcpu)
{
	fpu_store(vcpu->fpu, &vcpu->xcr0);
	fpu_load(cpu->fpu_host, cpu->xcr0_host);
	swap_msrs(vcpu);
	vcpu->on = NULL;
}

void vcpu_leave(struct cpu *cpu)
{
	store_live(cpu, cpu->vcpu);
}

/* The face has one instruction, and KVM at most steps over it. */
static bool at_face(const struct vmcb *h)
{
	return h->save.rip - FACE_RIP <= INSN_MAX_LENGTH;
}

/* A reset gives the host's VMCB a state that the face never shows; so does another guest, whose
 * VMCB has come to lie where the zone's was, and which may start in any mode. */
static bool was_reset(const struct zone_vcpu *vcpu, const struct vmcb *h)
{
	const struct vmcb_save *face = &vcpu->face;

	return ((h->save.cr0 ^ face->cr0) & (CR0_PE | CR0_PG)) ||
	       ((h->save.efer ^ face->efer) & EFER_LMA) || h->save.cs.base != face->cs.base ||
	       !at_face(h);
}

/* The same of a zone that is dead, whose faces are forgotten. No guest starts with IF = 1. */
static bool dead_was_reset(const struct vmcb *h)
{
	return !at_face(h) || !(h->save.rflags & RFLAGS_IF);
}

void vcpu_drop_view(struct zone_vcpu *vcpu)
{
	npt_clear(&vcpu->view, 0, (1u << (zone_cbit() - 39)) - 1, frame_uncount_shadow);
	epoch_advance(&vcpu->zone->epoch);
}

static void show_shutdown(struct cpu *cpu)
{
	struct vmcb *to = nested_vmcb12(cpu);

	memset(cpu->gpr, 0, sizeof(cpu->gpr));
	if (to) {
		to->control.exit_code = EXIT_SHUTDOWN;
		to->control.exit_info1 = to->control.exit_info2 = 0;
		to->control.exit_int_info = to->control.event_inj = 0;
	}
	nested_to_host(cpu);
}

/* No answer that the host could use: as for a VMCB that is not valid. */
static void show_invalid(struct cpu *cpu)
{
	struct vmcb *to = nested_vmcb12(cpu);

	refused_total++;
	if (to)
		to->control.exit_code = ~0ull;
	nested_to_host(cpu);
}

static bool enter(struct cpu *cpu, struct zone *z, unsigned id)
{
	const struct vmcb *h = cpu->nested.vmcb12;
	struct zone_vcpu *vcpu = z->vcpu[id];

	if (vcpu ? was_reset(vcpu, h) : dead_was_reset(h)) {
		if (z->state == CL_ZONE_LIVE)
			zone_kill(z, "the host reset the guest");
		z->vmcb12_pa[id] = NO_VMCB12; /* an ordinary guest from here on */
		return false;
	}
	if (!vcpu || z->state != CL_ZONE_LIVE) {
		show_shutdown(cpu);
		return true;
	}
	if (vcpu->on) {
		log_warn("zone %lu: vCPU %u runs on CPU %u already", z->instance, id, vcpu->on->id);
		show_invalid(cpu);
		return true;
	}
	if (vcpu->view_ncr3 != h->control.ncr3 || vcpu->host_asid != h->control.asid ||
	    h->control.tlb_control)
		vcpu_drop_view(vcpu);
	vcpu->view_ncr3 = h->control.ncr3;
	vcpu->host_asid = h->control.asid;
	vcpu->host_tsc_offset = h->control.tsc_offset;
	irq_accept(vcpu, h);
	exit_complete(vcpu, h);
	load_live(cpu, vcpu);
	return true;
}

bool vcpu_enter(struct cpu *cpu, uint64_t pa)
{
	unsigned id;
	struct zone *z = zone_by_vmcb12(pa, &id);

	if (z)
		return enter(cpu, z, id);
	return start_adopt(cpu, pa);
}

void vcpu_begin(struct cpu *cpu, struct zone_vcpu *vcpu)
{
	load_live(cpu, vcpu);
}

void vcpu_run(struct cpu *cpu)
{
	struct zone_vcpu *vcpu = cpu->vcpu;
	struct zone *z = vcpu->zone;
	struct vmcb *v = vcpu->vmcb;

	irq_prepare(vcpu);
	vcpu->injected = v->control.event_inj;
	if (epoch_stale(&z->epoch, &vcpu->seen) || cpu->last_vcpu != vcpu ||
	    vcpu->last_cpu != cpu) {
		v->control.tlb_control = TLB_FLUSH_ALL;
		epoch_flushed(&z->epoch, &vcpu->seen);
		cpu->last_vcpu = vcpu;
		vcpu->last_cpu = cpu;
	}
	ASSERT(!epoch_stale(&z->epoch, &vcpu->seen));
	if (z->state == CL_ZONE_LIVE) /* else it has ended while zones_reap had no lock */
		cpu_enter(cpu, v, vcpu->gpr, nested_host_if(cpu), &z->epoch);
	z->stats.exits++;
	if (z->state != CL_ZONE_LIVE) { /* ended from another CPU */
		store_live(cpu, vcpu);
		show_shutdown(cpu);
		return;
	}
	irq_taken(vcpu);
	exit_handle(cpu, vcpu);
	if (vcpu->broken && cpu->run == RUN_ZONE)
		vcpu_kill(cpu, vcpu, "a page failed its integrity check");
	else if (vcpu->broken && z->state == CL_ZONE_LIVE)
		zone_kill(z, "a page failed its integrity check");
}

void vcpu_to_host(struct cpu *cpu, const struct face_exit *exit)
{
	struct zone_vcpu *vcpu = cpu->vcpu;
	struct vmcb *to = nested_vmcb12(cpu);

	store_live(cpu, vcpu);
	if (!to) {
		zone_kill(vcpu->zone, "the host gave its VMCB away as a page");
		show_shutdown(cpu);
		return;
	}
	memset(cpu->gpr, 0, sizeof(cpu->gpr));
	cpu->gpr[RCX] = exit->rcx;
	cpu->gpr[RDX] = exit->rdx;
	cpu->gpr[RDI] = exit->rdi;
	vmcb_copy_vmrun_state(&to->save, &vcpu->face);
	to->save.rax = exit->rax;
	to->control.exit_code = exit->code;
	to->control.exit_info1 = exit->info1;
	to->control.exit_info2 = exit->info2;
	to->control.exit_int_info = 0;
	to->control.event_inj = 0;
	to->control.tlb_control = 0;
	to->control.int_state = 0;
	to->control.int_ctl = (cpu->nested.vmcb12->control.int_ctl & ~(V_TPR_MASK | V_IRQ)) |
			      (vcpu->vmcb->control.int_ctl & V_TPR_MASK);
	to->control.next_rip = FACE_RIP + vcpu->pending_length;
	to->control.insn_len = exit->insn_len;
	memcpy(to->control.insn_bytes, exit->insn, sizeof(exit->insn));
	vcpu->zone->stats.exits_reflected++;
	uint32_t code = (uint32_t)exit->code;

	cpu->counters.reflected[code == EXIT_NPF ? 0xa0 : code]++;
	nested_to_host(cpu);
}

void vcpu_kill(struct cpu *cpu, struct zone_vcpu *vcpu, const char *fmt, ...)
{
	char why[sizeof(vcpu->zone->reason)];
	va_list args;

	va_start(args, fmt);
	format_v(why, sizeof(why), fmt, args);
	va_end(args);
	/* The zone's registers are live: the host's come back before the zone is forgotten. */
	store_live(cpu, vcpu);
	zone_kill(vcpu->zone, "%s", why);
	show_shutdown(cpu);
}

static void *zone_page(const struct space *space, uint64_t gpa, bool write)
{
	struct zone_vcpu *vcpu = space->context;
	struct zone *z = vcpu->zone;
	uint64_t cbit = BIT64(zone_cbit());

	if (!(gpa & cbit) && !vcpu->flat)
		return NULL;
	int r = page_touch_private(vcpu, gpa & ~cbit);

	if (r == -CL_EIO)
		vcpu->broken = true; /* ends when the exit has been handled */
	if (r)
		return NULL;
	int64_t index = page_index(z, gpa & ~cbit);

	return phys_to_virt((uint64_t)page_rec(z, (uint64_t)index)->pfn << PAGE_SHIFT);
}

void vcpu_space(struct zone_vcpu *vcpu, struct space *space)
{
	*space = (struct space){.save = &vcpu->vmcb->save,
				.page = zone_page,
				.context = vcpu,
				.addr_mask = BIT64(zone_cbit() + 1) - 1};
}
