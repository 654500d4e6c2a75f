// SPDX-License-Identifier: Apache-2.0
#include "cpu/msr.h"
#include "lib/log.h"
#include "lib/pool.h"
#include "lib/string.h"
#include "svm/assist.h"
#include "svm/bitmap.h"
#include "svm/doors.h"
#include "svm/emulator.h"
#include "svm/event.h"
#include "svm/frame.h"
#include "svm/host.h"
#include "svm/nested.h"
#include "svm/vmcb_check.h"
#include "svm/walk.h"
#include "zone/launch.h"
#include "zone/page.h"
#include "zone/vcpu.h"
#include "zone/zone.h"

/* What the Core takes from every guest, whatever its host asked for. */
static const unsigned core_intercepts[] = {
	ICPT_IOIO,    ICPT_MSR,	   ICPT_SHUTDOWN, ICPT_VMRUN, ICPT_VMMCALL,
	ICPT_VMLOAD,  ICPT_VMSAVE, ICPT_STGI,	  ICPT_CLGI,  ICPT_SKINIT,
	ICPT_INVLPGA, ICPT_INVD,   ICPT_NMI,	  ICPT_INIT,  ICPT_EXCEPTION + VEC_MC,
};

/* MSRs that a guest of the host reaches directly, if its host lets it; all are in the VMCB. */
static const uint32_t guest_msrs[] = {
	MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_STAR,	  MSR_LSTAR,
	MSR_CSTAR,	 MSR_SFMASK,	   MSR_FS_BASE,	     MSR_GS_BASE, MSR_KERNEL_GS,
};

struct epoch guest_epoch;

/*
 * What the host lets its guest do itself, the CPU does: bits are cleared when the guest comes to
 * need them, and all set again at the next VMRUN, when the host's maps may be others.
 */
static void close_maps(struct cpu *cpu)
{
	memset(cpu->guest_iopm, 0xff, IOPM_PAGES * PAGE_SIZE);
	memset(cpu->guest_msrpm, 0xff, MSRPM_PAGES * PAGE_SIZE);
	cpu->nested.opened = false;
}

static void open_bits(struct cpu *cpu, uint8_t *map, unsigned bit, unsigned count)
{
	cpu->nested.opened = true;
	for (unsigned i = 0; i < count; i++)
		bit_clear(map, bit + i);
}

void nested_init_cpu(struct cpu *cpu)
{
	cpu->guest_iopm = pages_alloc(IOPM_PAGES);
	cpu->guest_msrpm = pages_alloc(MSRPM_PAGES);
	if (!cpu->guest_iopm || !cpu->guest_msrpm || shadows_init(&cpu->shadows))
		panic("not enough Core memory for a CPU's guests");
	close_maps(cpu);
}

/* One bit of a map of the host: does it intercept? Maps that lie outside its RAM intercept all. */
static bool host_map_bit(uint64_t map_pa, unsigned bit)
{
	uint64_t pa = (map_pa & PTE_ADDR) + bit / 8;

	return !frame_is_host_ram(pa) || bit_test(phys_to_virt(pa), bit % 8);
}

static bool host_wants_msr(const struct vmcb *h, uint32_t msr, bool write)
{
	int bit = msrpm_bit(msr);

	if (!vmcb_intercepts(h, ICPT_MSR))
		return false;
	return bit < 0 || host_map_bit(h->control.msrpm_pa, (unsigned)bit + write);
}

static bool host_wants_io(const struct vmcb *h, uint16_t port, unsigned size)
{
	if (!vmcb_intercepts(h, ICPT_IOIO))
		return false;
	for (unsigned i = 0; i < size; i++) {
		if (host_map_bit(h->control.iopm_pa, port + i))
			return true;
	}
	return false;
}

static void merge_msrpm(uint8_t *msrpm, const struct vmcb *h)
{
	for (unsigned i = 0; i < sizeof(guest_msrs) / sizeof(guest_msrs[0]); i++) {
		unsigned bit = (unsigned)msrpm_bit(guest_msrs[i]);

		for (unsigned w = 0; w < 2; w++) {
			if (host_wants_msr(h, guest_msrs[i], w))
				bit_set(msrpm, bit + w);
			else
				bit_clear(msrpm, bit + w);
		}
	}
}

/* The Core's VMCB for an ordinary guest, from the copy of the host's. */
static void build(struct cpu *cpu)
{
	const struct vmcb *h = cpu->nested.vmcb12;
	struct vmcb *g = cpu->guest_vmcb;

	memcpy(g->control.intercept, h->control.intercept, sizeof(g->control.intercept));
	for (unsigned i = 0; i < sizeof(core_intercepts) / sizeof(core_intercepts[0]); i++)
		vmcb_intercept(g, core_intercepts[i]);
	if (cpu->nested.opened)
		close_maps(cpu);
	g->control.intercept[1] |= DEBUGREG_INTERCEPTS;
	merge_msrpm(cpu->guest_msrpm, h);
	g->control.iopm_pa = virt_to_phys(cpu->guest_iopm);
	g->control.msrpm_pa = virt_to_phys(cpu->guest_msrpm);
	g->control.tsc_offset = h->control.tsc_offset;
	g->control.asid = 1 + h->control.asid;
	g->control.int_ctl = h->control.int_ctl & (V_TPR_MASK | V_IRQ | V_INTR_PRIO_MASK |
						   V_IGN_TPR | V_INTR_MASKING | V_VECTOR_MASK);
	g->control.int_state = h->control.int_state & INT_SHADOW;
	g->control.event_inj = h->control.event_inj;
	g->control.nested_ctl = NESTED_NP_ENABLE;
	g->control.ncr3 = virt_to_phys(cpu->nested.shadow->npt.root);
	vmcb_copy_vmrun_state(&g->save, &h->save);
	/* Without paging there is no long mode; an emulated CPU may believe a host that says so. */
	if (!(g->save.cr0 & CR0_PG))
		g->save.efer &= ~EFER_LMA;
	/* NRIPS: a software interrupt returns to the next RIP. The CPU may know only RIP. */
	if (event_is_soft(h->control.event_inj) && h->control.next_rip)
		g->save.rip = h->control.next_rip;
	cpu->debug.dr7 = h->save.dr7;
	g->save.dr7 = DR7_INIT;
	vmcb_copy_vmload_state(&g->save, &cpu->host_vmcb->save);
	if (!(h->control.nested_ctl & NESTED_NP_ENABLE))
		g->save.g_pat = cpu->host_vmcb->save.g_pat;
}

struct vmcb *nested_vmcb12(struct cpu *cpu)
{
	uint64_t pa = cpu->nested.vmcb12_pa;

	return frame_is_host_ram(pa) ? phys_to_virt(pa) : NULL;
}

bool nested_host_if(const struct cpu *cpu)
{
	return cpu->host_vmcb->save.rflags & RFLAGS_IF;
}

void nested_to_host(struct cpu *cpu)
{
	cpu->run = RUN_HOST;
	cpu->vcpu = NULL;
	host_skip_svm(cpu); /* the exit code there is VMRUN's still */
	cpu->debug.dr7 = DR7_INIT;
	host_set_gif(cpu, false);
}

static void exit_invalid(struct cpu *cpu)
{
	struct vmcb *to = nested_vmcb12(cpu);

	refused_total++;
	if (to)
		to->control.exit_code = ~0ull;
	nested_to_host(cpu);
}

void nested_vmrun(struct cpu *cpu)
{
	struct nested *n = &cpu->nested;
	uint64_t pa = cpu->host_vmcb->save.rax;

	if ((pa & ~PAGE_MASK) || !frame_is_host_ram(pa)) {
		refused_total++;
		event_inject_exception(cpu->host_vmcb, VEC_GP, true, 0);
		return;
	}
	n->vmcb12_pa = pa;
	memcpy(n->vmcb12, phys_to_virt(pa), sizeof(*n->vmcb12));
	const struct vmcb *h = n->vmcb12;

	/* Nested tables have the host's own format; here that is the one of 64-bit mode. */
	if (vmcb_check(h) || ((h->control.nested_ctl & NESTED_NP_ENABLE) &&
			      !(cpu->host_vmcb->save.efer & EFER_LMA))) {
		exit_invalid(cpu);
		return;
	}
	shadow_flush(&cpu->shadows, h->control.tlb_control & 3, h->control.asid);
	if (h->control.tlb_control)
		cpu->flush_guests = true;
	if (vcpu_enter(cpu, pa))
		return;
	n->shadow = shadow_get(&cpu->shadows, h->control.asid, h->control.ncr3,
			       h->control.nested_ctl & NESTED_NP_ENABLE);
	build(cpu);
	cpu->run = RUN_GUEST;
}

/* #VMEXIT to the host: everything that the CPU would store into the host's VMCB. */
static void reflect(struct cpu *cpu)
{
	struct vmcb *to = nested_vmcb12(cpu), *g = cpu->guest_vmcb;
	uint64_t gpr[16];
	struct space space;
	uint32_t code = (uint32_t)g->control.exit_code;

	if (code == EXIT_INVALID)
		g->control.exit_code = ~0ull;
	if (!to) { /* the host gave its VMCB away as a zone's page: nowhere to report to */
		refused_total++;
		nested_to_host(cpu);
		return;
	}
	memcpy(gpr, cpu->gpr, sizeof(gpr));
	gpr[RAX] = g->save.rax;
	gpr[RSP] = g->save.rsp;
	g->control.next_rip = 0;
	space_guest(&space, &g->save, &cpu->nested.vmcb12->control.ncr3);
	assist_fill(g, &space, gpr);
	to->control.exit_code = g->control.exit_code;
	to->control.exit_info1 = g->control.exit_info1;
	to->control.exit_info2 = g->control.exit_info2;
	to->control.exit_int_info = event_normalise(g->control.exit_int_info);
	to->control.int_state = g->control.int_state;
	to->control.int_ctl = (cpu->nested.vmcb12->control.int_ctl & ~(V_TPR_MASK | V_IRQ)) |
			      (g->control.int_ctl & (V_TPR_MASK | V_IRQ));
	to->control.event_inj = 0;
	to->control.next_rip = g->control.next_rip;
	to->control.insn_len = g->control.insn_len;
	memcpy(to->control.insn_bytes, g->control.insn_bytes, sizeof(to->control.insn_bytes));
	const struct vmcb *h = cpu->nested.vmcb12;

	/* A CPU that refuses a state saves none; QEMU's saves its own, which is the Core's. */
	if (code != EXIT_INVALID) {
		vmcb_copy_vmrun_state(&to->save, &g->save);
		to->save.dr7 = cpu->debug.dr7;
		cpu->host_vmcb->save.cr2 = g->save.cr2; /* #VMEXIT brings no old one back */
	}
	/* An injected software interrupt was cut short: RIP is what it was (build()). */
	if (event_is_soft(h->control.event_inj) && (cpu->nested.injected & EVENT_VALID) &&
	    event_is_soft(to->control.exit_int_info) && g->save.rip == h->control.next_rip)
		to->save.rip = h->save.rip;
	vmcb_copy_vmload_state(&cpu->host_vmcb->save, &g->save);
	if (code < CL_EXIT_CODES || code == EXIT_NPF)
		cpu->counters.reflected[code == EXIT_NPF ? 0xa0 : code]++;
	nested_to_host(cpu);
}

/* The exit was not the guest's doing. */
static void guest_again(struct cpu *cpu)
{
	struct vmcb *g = cpu->guest_vmcb;
	struct space space;

	event_requeue(g, cpu->nested.injected);
	space_guest(&space, &g->save, &cpu->nested.vmcb12->control.ncr3);
	emulator_woken(g, &space);
}

static void guest_npf(struct cpu *cpu)
{
	struct vmcb *g = cpu->guest_vmcb;
	uint64_t error;
	int r = shadow_fault(cpu->nested.shadow, g->control.exit_info2, g->control.exit_info1,
			     &error);

	if (r == -CL_EPERM) {
		log_warn("guest: access to 0x%lx refused", g->control.exit_info2);
		refused_total++;
		/* Its delivery would run into the same, for ever and past every interrupt. */
		if (g->control.exit_int_info & EVENT_VALID) {
			g->control.exit_code = EXIT_SHUTDOWN;
			reflect(cpu);
			return;
		}
		event_inject_exception(g, VEC_GP, true, 0);
		return;
	}
	if (r) {
		g->control.exit_info1 = error;
		if (r == -CL_ENOMEM) {
			log_err("no memory for one shadow page: the guest ends");
			g->control.exit_code = EXIT_SHUTDOWN;
		}
		reflect(cpu);
		return;
	}
	guest_again(cpu);
}

/* An exception that the Core finds for the guest's instruction, as if the CPU had. */
static void guest_exception(struct cpu *cpu, unsigned vector, bool has_error)
{
	struct vmcb_control *c = &cpu->guest_vmcb->control;

	if (!vmcb_intercepts(cpu->nested.vmcb12, ICPT_EXCEPTION + vector)) {
		event_inject_exception(cpu->guest_vmcb, vector, has_error, 0);
		return;
	}
	c->exit_code = EXIT_EXCEPTION + vector;
	c->exit_info1 = c->exit_info2 = 0;
	reflect(cpu);
}

/* Does the Core watch the port? Then it does so for guests, too. */
static bool watched_port(const struct cpu *cpu, unsigned port, unsigned size)
{
	const uint8_t *iopm = phys_to_virt(cpu->host_vmcb->control.iopm_pa);
	bool any = false;

	for (unsigned i = 0; i < size; i++)
		any |= bit_test(iopm, port + i);
	return any;
}

static void guest_io(struct cpu *cpu)
{
	uint64_t info = cpu->guest_vmcb->control.exit_info1;
	unsigned size = IOIO_SIZE(info);

	if (host_wants_io(cpu->nested.vmcb12, IOIO_PORT(info), size))
		reflect(cpu);
	else if (watched_port(cpu, IOIO_PORT(info), size))
		host_port(cpu, cpu->guest_vmcb);
	else
		open_bits(cpu, cpu->guest_iopm, IOIO_PORT(info), size);
}

/* An MSR that the host gave to its guest: as the host has it itself, if the Core does not watch it.
 */
static bool guest_msr(struct cpu *cpu, uint32_t msr, unsigned write)
{
	int bit = msrpm_bit(msr);

	if (bit < 0 ||
	    bit_test(phys_to_virt(cpu->host_vmcb->control.msrpm_pa), (unsigned)bit + write))
		return false;
	open_bits(cpu, cpu->guest_msrpm, (unsigned)bit + write, 1);
	return true;
}

static void guest_debugreg(struct cpu *cpu, uint32_t code)
{
	struct vmcb *g = cpu->guest_vmcb, *h = cpu->nested.vmcb12;
	struct space space;

	space_guest(&space, &g->save, &h->control.ncr3);
	if (vmcb_intercepts(h, code)) /* of a DR's access the bit has the exit code's number */
		reflect(cpu);
	else
		debugreg_exit(&cpu->debug, g, cpu->gpr, &space);
}

/* Intercepts of emulator_enter(), and perhaps the host's. */
static void guest_control_register(struct cpu *cpu, uint32_t code)
{
	struct vmcb *g = cpu->guest_vmcb;
	struct space space;

	if (vmcb_intercepts(cpu->nested.vmcb12, code == EXIT_CR0_SEL ? ICPT_CR0_SEL : code)) {
		reflect(cpu);
		return;
	}
	if (code == EXIT_CR0_SEL) {
		cpu->let_cr0 = true;
		return;
	}
	space_guest(&space, &g->save, &cpu->nested.vmcb12->control.ncr3);
	emulator_cr4(g, cpu->gpr, &space);
}

static void guest_vmmcall(struct cpu *cpu)
{
	struct vmcb *g = cpu->guest_vmcb;

	if ((uint32_t)g->save.rax == CL_VMMCALL_PROTECT && g->save.cpl == 0) {
		int r = launch_protect(cpu);

		if (r) {
			g->save.rip += 3; /* VMMCALL: 0F 01 D9 */
			g->save.rax = (uint64_t)(int64_t)r;
		}
		return;
	}
	if (vmcb_intercepts(cpu->nested.vmcb12, ICPT_VMMCALL))
		reflect(cpu);
	else
		guest_exception(cpu, VEC_UD, false);
}

/* Exits that the Core wants from every guest; each goes to the host if the host wants it too. */
static void guest_exit_forced(struct cpu *cpu, uint32_t code)
{
	struct vmcb *g = cpu->guest_vmcb;
	const struct vmcb *h = cpu->nested.vmcb12;
	bool wanted = true;

	if (code >= EXIT_VMRUN && code <= EXIT_SKINIT)
		wanted = vmcb_intercepts(h, ICPT_VMRUN + (code - EXIT_VMRUN));
	else if (code == EXIT_INVLPGA)
		wanted = vmcb_intercepts(h, ICPT_INVLPGA);
	else if (code == EXIT_INVD)
		wanted = vmcb_intercepts(h, ICPT_INVD);
	else if (code == EXIT_MSR)
		wanted = host_wants_msr(h, (uint32_t)cpu->gpr[RCX], g->control.exit_info1 & 1);
	if (wanted) {
		reflect(cpu);
	} else if (code == EXIT_INVD || code == EXIT_INVLPGA) {
		struct space space;

		if (code == EXIT_INVD)
			__asm__ volatile("wbinvd" : : : "memory");
		else
			shadow_flush(&cpu->shadows, TLB_FLUSH_ASID, (uint32_t)cpu->gpr[RCX]);
		space_guest(&space, &g->save, &h->control.ncr3);
		g->control.next_rip = 0; /* an older exit's, perhaps */
		if (assist_skip(g, &space))
			guest_exception(cpu, VEC_UD, false);
	} else if (code != EXIT_MSR ||
		   !guest_msr(cpu, (uint32_t)cpu->gpr[RCX], g->control.exit_info1 & 1)) {
		/*
		 * On the bare CPU this instruction would act on the machine itself. No host that
		 * values itself leaves it open; here it is an undefined instruction or MSR.
		 */
		refused_total++;
		guest_exception(cpu, code == EXIT_MSR ? VEC_GP : VEC_UD, code == EXIT_MSR);
	}
}

/* An NMI is the host's at its STGI, after #VMEXIT if it wants that, or else its guest's. */
static bool nmi_exits(struct cpu *cpu)
{
	struct vmcb_control *c = &cpu->guest_vmcb->control;

	if (!cpu->nmi_pending)
		return false;
	if (vmcb_intercepts(cpu->nested.vmcb12, ICPT_NMI)) {
		c->exit_code = EXIT_NMI;
		c->exit_info1 = c->exit_info2 = 0;
		c->exit_int_info = c->event_inj;
		reflect(cpu);
		return true;
	}
	if (!c->event_inj) {
		cpu->nmi_pending = false;
		c->event_inj = EVENT(EVENT_TYPE_NMI, 2);
	}
	return false;
}

void nested_run(struct cpu *cpu)
{
	struct vmcb *g = cpu->guest_vmcb;

	cpu->nested.injected = g->control.event_inj;
	if (nmi_exits(cpu))
		return;
	if (cpu->flush_guests || epoch_stale(&guest_epoch, &cpu->guests_seen)) {
		g->control.tlb_control = TLB_FLUSH_ALL;
		cpu->flush_guests = false;
		epoch_flushed(&guest_epoch, &cpu->guests_seen);
	}
	ASSERT(!epoch_stale(&guest_epoch, &cpu->guests_seen));
	cpu->nested.injected = g->control.event_inj;
	cpu_enter(cpu, g, cpu->gpr, nested_host_if(cpu), &guest_epoch);
	uint32_t code = (uint32_t)g->control.exit_code;

	switch (code) {
	case EXIT_NPF:
		guest_npf(cpu);
		break;
	case EXIT_NMI:
		cpu_take_nmi();
		guest_again(cpu);
		break;
	case EXIT_EXCEPTION + VEC_MC:
		panic("machine check");
	case EXIT_IOIO:
		guest_io(cpu);
		break;
	case EXIT_DR_READ ... EXIT_DR_WRITE + 15:
		guest_debugreg(cpu, code);
		break;
	case EXIT_CR_READ + 4:
	case EXIT_CR_WRITE + 4:
	case EXIT_CR0_SEL:
		guest_control_register(cpu, code);
		break;
	case EXIT_VMMCALL:
		guest_vmmcall(cpu);
		break;
	case EXIT_VMRUN:
	case EXIT_VMLOAD ... EXIT_SKINIT:
	case EXIT_INVLPGA:
	case EXIT_INVD:
	case EXIT_MSR:
		guest_exit_forced(cpu, code);
		break;
	case EXIT_INIT: /* the guest runs on; it never resets the CPU */
		if (vmcb_intercepts(cpu->nested.vmcb12, ICPT_INIT))
			reflect(cpu);
		break;
	default:
		reflect(cpu);
		break;
	}
}
