// SPDX-License-Identifier: Apache-2.0
#include "boot/boot.h"
#include "cpu/msr.h"
#include "lib/log.h"
#include "lib/pool.h"
#include "lib/string.h"
#include "svm/apic.h"
#include "svm/assist.h"
#include "svm/bitmap.h"
#include "svm/doors.h"
#include "svm/emulator.h"
#include "svm/event.h"
#include "svm/frame.h"
#include "svm/host.h"
#include "svm/host_msr.h"
#include "svm/ioapic.h"
#include "svm/nested.h"
#include "zone/call.h"
#include "zone/page.h"
#include "zone/watch.h"

struct epoch host_epoch;

static const unsigned host_intercepts[] = {
	ICPT_IOIO,     ICPT_MSR,    ICPT_CPUID,	 ICPT_INVD,   ICPT_INVLPGA,
	ICPT_SHUTDOWN, ICPT_VMRUN,  ICPT_VMLOAD, ICPT_VMSAVE, ICPT_STGI,
	ICPT_CLGI,     ICPT_SKINIT, ICPT_INIT,	 ICPT_NMI,    ICPT_EXCEPTION + VEC_MC,
};

void host_set_gif(struct cpu *cpu, bool gif)
{
	struct vmcb *v = cpu->host_vmcb;

	/*
	 * With V_INTR_MASKING and the Core's own IF at 0, physical interrupts stay pending: what
	 * a cleared GIF means to the host. NMIs come to the Core first in any case.
	 */
	cpu->host_gif = gif;
	if (gif)
		v->control.int_ctl &= ~V_INTR_MASKING;
	else
		v->control.int_ctl |= V_INTR_MASKING;
}

/* Until IRET the next NMI waits, as in the CPU. */
static void give_nmi(struct cpu *cpu)
{
	struct vmcb *v = cpu->host_vmcb;

	if (!cpu->nmi_pending || !cpu->host_gif || cpu->nmi_masked || v->control.event_inj)
		return;
	cpu->nmi_pending = false;
	cpu->nmi_masked = true;
	v->control.event_inj = EVENT(EVENT_TYPE_NMI, 2);
	vmcb_intercept(v, ICPT_IRET);
}

/* Linux and multiboot payloads alike start in flat 32-bit protected mode, paging off. */
static void host_registers(struct cpu *cpu, const struct host_entry *entry)
{
	struct vmcb_save *s = &cpu->host_vmcb->save;
	struct vmcb_seg data = {.selector = 0x18, .attrib = SEG_DATA32, .limit = 0xffffffff};

	s->cs = (struct vmcb_seg){.selector = 0x10, .attrib = SEG_CODE32, .limit = 0xffffffff};
	s->ds = s->es = s->ss = s->fs = s->gs = data;
	s->tr = (struct vmcb_seg){.attrib = SEG_TSS, .limit = 0x67};
	s->ldtr = (struct vmcb_seg){.attrib = SEG_LDT};
	s->cr0 = CR0_PE | CR0_ET | CR0_NE;
	s->efer = EFER_SVME;
	s->dr6 = DR6_INIT;
	s->dr7 = DR7_INIT;
	s->rflags = RFLAGS_ONE;
	s->g_pat = PAT_INIT;
	s->rip = entry->eip;
	s->rax = entry->eax;
	cpu->gpr[RBX] = entry->ebx;
	cpu->gpr[RSI] = entry->esi;
}

static uint64_t host_iopm, host_msrpm;

void host_init(void)
{
	uint8_t *iopm = pages_alloc(IOPM_PAGES), *msrpm = pages_alloc(MSRPM_PAGES);

	if (!iopm || !msrpm)
		panic("not enough Core memory for permission maps");
	doors_iopm(iopm);
	host_msr_permissions(msrpm);
	host_iopm = virt_to_phys(iopm);
	host_msrpm = virt_to_phys(msrpm);
	epoch_advance(&host_epoch);
}

void host_init_cpu(struct cpu *cpu)
{
	struct vmcb *v = cpu->host_vmcb;

	for (unsigned i = 0; i < sizeof(host_intercepts) / sizeof(host_intercepts[0]); i++)
		vmcb_intercept(v, host_intercepts[i]);
	v->control.intercept[1] = DEBUGREG_INTERCEPTS;
	v->control.iopm_pa = host_iopm;
	v->control.msrpm_pa = host_msrpm;
	v->control.asid = 1;
	v->control.nested_ctl = NESTED_NP_ENABLE;
	v->control.ncr3 = frame_host_root();
	cpu->debug.dr7 = DR7_INIT;
	cpu->run = RUN_WAIT;
}

void host_boot(struct cpu *cpu, const struct host_entry *entry)
{
	host_registers(cpu, entry);
	host_set_gif(cpu, true);
	cpu->run = RUN_HOST;
}

static void host_exception(struct cpu *cpu, unsigned vector, bool has_error)
{
	event_inject_exception(cpu->host_vmcb, vector, has_error, 0);
}

static void host_skip(struct cpu *cpu)
{
	struct space space;

	space_host(&space, &cpu->host_vmcb->save);
	if (assist_skip(cpu->host_vmcb, &space)) {
		log_warn("host: instruction at RIP 0x%lx not decodable", cpu->host_vmcb->save.rip);
		host_exception(cpu, VEC_UD, false);
	}
}

void host_skip_svm(struct cpu *cpu)
{
	struct vmcb *v = cpu->host_vmcb;
	uint64_t rip = v->save.rip;
	uint8_t code = (uint8_t)v->control.exit_code;
	struct skip_cache *c = &cpu->skip[(rip ^ rip >> 6) % SKIP_CACHE];

	if (c->length && c->rip == rip && c->code == code) {
		v->save.rip = rip + c->length;
		v->control.int_state &= ~INT_SHADOW;
		return;
	}
	host_skip(cpu);
	if (v->save.rip - rip <= INSN_MAX_LENGTH)
		*c = (struct skip_cache){
			.rip = rip, .code = code, .length = (uint8_t)(v->save.rip - rip)};
}

static void host_cpuid(struct cpu *cpu)
{
	struct vmcb *v = cpu->host_vmcb;
	uint32_t leaf = (uint32_t)v->save.rax, sub = (uint32_t)cpu->gpr[RCX];
	struct cpuid_regs r = cpuid(leaf, sub);

	if (leaf == 1) {
		/* OSXSAVE and APIC ID are live values of the CPU; CR4 is the host's. */
		r.ecx &= ~(uint32_t)BIT64(27);
		if (v->save.cr4 & CR4_OSXSAVE)
			r.ecx |= (uint32_t)BIT64(27);
	} else if (leaf == 7 && sub == 0) {
		/* OSPKE mirrors CR4.PKE. */
		r.ecx &= ~(uint32_t)BIT64(4);
		if (v->save.cr4 & BIT64(22))
			r.ecx |= (uint32_t)BIT64(4);
	} else if (leaf == 0x80000001) {
		r.ecx &= ~(uint32_t)(BIT64(10) | BIT64(12)); /* IBS, SKINIT */
	} else if (leaf == 0x80000008) {
		r.ebx &= ~(uint32_t)BIT64(31); /* branch sampling */
	} else if (leaf == 0x80000022) {
		r.eax &= ~(uint32_t)(BIT64(1) | BIT64(2)); /* last branch stack */
	} else if (leaf == 0x8000000a) {
		r.ebx = HOST_ASIDS;
		/* Nested paging of the CPU; NRIPS, flush by ASID and decode assists of the Core. */
		r.edx = (r.edx & 1) | (uint32_t)(BIT64(3) | BIT64(6) | BIT64(7));
	} else if (leaf == 0x8000001f) {
		r = (struct cpuid_regs){0}; /* hardware SEV is not for a host under the Core */
	}
	v->save.rax = r.eax;
	cpu->gpr[RBX] = r.ebx;
	cpu->gpr[RCX] = r.ecx;
	cpu->gpr[RDX] = r.edx;
	host_skip(cpu);
}

void host_port(struct cpu *cpu, struct vmcb *v)
{
	uint64_t info = v->control.exit_info1;

	v->save.rip = v->control.exit_info2;
	if (info & IOIO_STR) { /* no driver does that to any of these: as if nothing were there */
		log_warn("host: string access to port 0x%x refused", IOIO_PORT(info));
		refused_total++;
		if (info & IOIO_REP)
			cpu->gpr[RCX] = 0;
		return;
	}
	v->save.rax = doors_io(IOIO_PORT(info), IOIO_SIZE(info), info & IOIO_IN, v->save.rax);
}

static void host_io(struct cpu *cpu)
{
	struct vmcb *v = cpu->host_vmcb;
	uint64_t info = v->control.exit_info1;

	if (IOIO_PORT(info) == CL_CALL_PORT && !(info & (IOIO_IN | IOIO_STR)) &&
	    IOIO_SIZE(info) == 4) {
		struct space space;

		v->save.rip = v->control.exit_info2;
		space_host(&space, &v->save);
		space.user = v->save.cpl == 3;
		v->save.rax = (uint64_t)call_host(&space, (uint32_t)v->save.rax, cpu->gpr[RBX],
						  cpu->gpr[RCX]);
		return;
	}
	host_port(cpu, v);
}

static void host_npf(struct cpu *cpu)
{
	struct vmcb *v = cpu->host_vmcb;
	uint64_t gpa = v->control.exit_info2;

	event_requeue(v, 0);
	if (apic_is_page(gpa) && (v->control.exit_info1 & NPF_P)) {
		apic_host_write(cpu, gpa);
		return;
	}
	if (door_page(gpa) && (v->control.exit_info1 & NPF_P)) {
		door_host_write(cpu, gpa);
		return;
	}
	if (watch_host_write(cpu, gpa) || page_surrender_frame(gpa >> PAGE_SHIFT))
		return;
	/* Four levels: an address beyond them would be another one. */
	int r = gpa >> NPT_ADDRESS_BITS ? -CL_EINVAL : frame_map_device(gpa);

	if (r) {
		log_err("host: cannot map 0x%lx (%d)", gpa, r);
		refused_total++;
		host_exception(cpu, VEC_GP, true);
	}
}

/* VMLOAD and VMSAVE move the host's hidden state to and from a page of the host. */
static void host_vmload_vmsave(struct cpu *cpu, bool load)
{
	struct vmcb *v = cpu->host_vmcb;
	uint64_t pa = v->save.rax;

	if ((pa & ~PAGE_MASK) || !frame_is_host_ram(pa)) {
		refused_total++;
		host_exception(cpu, VEC_GP, true);
		return;
	}
	struct vmcb *page = phys_to_virt(pa);

	if (load)
		vmcb_copy_vmload_state(&v->save, &page->save);
	else
		vmcb_copy_vmload_state(&page->save, &v->save);
	host_skip_svm(cpu);
}

/* Instructions of SVM: #UD without EFER.SVME, #GP outside CPL 0 (APM vol. 3). */
static bool host_svm_allowed(struct cpu *cpu)
{
	const struct vmcb_save *s = &cpu->host_vmcb->save;

	if (!cpu->host_svme || !(s->cr0 & CR0_PE)) {
		host_exception(cpu, VEC_UD, false);
		return false;
	}
	if (s->cpl) {
		host_exception(cpu, VEC_GP, true);
		return false;
	}
	return true;
}

static void host_svm(struct cpu *cpu, uint32_t code)
{
	if (!host_svm_allowed(cpu))
		return;
	switch (code) {
	case EXIT_VMRUN:
		nested_vmrun(cpu);
		break;
	case EXIT_VMLOAD:
	case EXIT_VMSAVE:
		host_vmload_vmsave(cpu, code == EXIT_VMLOAD);
		break;
	case EXIT_STGI:
	case EXIT_CLGI:
		host_skip_svm(cpu);
		host_set_gif(cpu, code == EXIT_STGI);
		break;
	case EXIT_INVLPGA:
		/* ECX: the ASID; 0 is the host's own, which the flush below covers as well. */
		shadow_flush(&cpu->shadows, TLB_FLUSH_ASID, (uint32_t)cpu->gpr[RCX]);
		cpu->flush_guests = true;
		epoch_advance(&host_epoch);
		host_skip_svm(cpu);
		break;
	default: /* SKINIT: CPUID does not offer it */
		host_exception(cpu, VEC_UD, false);
		break;
	}
}

static void host_exit(struct cpu *cpu)
{
	struct vmcb *v = cpu->host_vmcb;
	uint32_t code = (uint32_t)v->control.exit_code;
	struct space space;

	switch (code) {
	case EXIT_NPF:
		host_npf(cpu);
		break;
	case EXIT_VMRUN ... EXIT_SKINIT:
	case EXIT_INVLPGA:
		if (code == EXIT_VMMCALL)
			host_exception(cpu, VEC_UD, false);
		else
			host_svm(cpu, code);
		break;
	case EXIT_CPUID:
		host_cpuid(cpu);
		break;
	case EXIT_IOIO:
		host_io(cpu);
		break;
	case EXIT_MSR:
		host_msr(cpu);
		break;
	case EXIT_DR_READ ... EXIT_DR_WRITE + 15:
		space_host(&space, &v->save);
		debugreg_exit(&cpu->debug, v, cpu->gpr, &space);
		break;
	case EXIT_CR0_SEL:
		cpu->let_cr0 = true;
		break;
	case EXIT_CR_READ + 4:
	case EXIT_CR_WRITE + 4:
		space_host(&space, &v->save);
		emulator_cr4(v, cpu->gpr, &space);
		break;
	case EXIT_INVD:
		/* Discarding caches would undo writes of the Core: write them back instead. */
		__asm__ volatile("wbinvd" : : : "memory");
		host_skip(cpu);
		break;
	case EXIT_NMI:
		event_requeue(v, 0);
		cpu_take_nmi();
		space_host(&space, &v->save);
		emulator_woken(v, &space);
		break;
	case EXIT_IRET:
		event_requeue(v, 0);
		cpu->nmi_masked = false;
		vmcb_no_intercept(v, ICPT_IRET);
		break;
	case EXIT_EXCEPTION + VEC_MC:
		panic("machine check");
	case EXIT_SHUTDOWN:
	case EXIT_INVALID:
		machine_reset("triple fault or impossible state");
	case EXIT_INIT:
		break; /* a device's: it stays pending, see VM_CR_R_INIT */
	default:
		panic("host: exit code 0x%x, RIP 0x%lx", code, v->save.rip);
	}
}

void host_run(struct cpu *cpu)
{
	struct vmcb *v = cpu->host_vmcb;

	if (epoch_stale(&host_epoch, &cpu->host_seen)) {
		v->control.tlb_control = TLB_FLUSH_ALL;
		epoch_flushed(&host_epoch, &cpu->host_seen);
	}
	ASSERT(!epoch_stale(&host_epoch, &cpu->host_seen));
	give_nmi(cpu);
	cpu_enter(cpu, v, cpu->gpr, false, &host_epoch);
	host_exit(cpu);
}
