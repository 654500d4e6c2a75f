// SPDX-License-Identifier: Apache-2.0
/*
 * Every exit of a zone: what the Core answers, what the host gets to see, what ends the zone.
 */
#include "insn/assist.h"
#include "lib/log.h"
#include "lib/string.h"
#include "svm/assist.h"
#include "svm/emulator.h"
#include "svm/event.h"
#include "zone/call.h"
#include "zone/irq.h"
#include "zone/page.h"
#include "zone/start.h"
#include "zone/vcpu.h"

#define APIC_BASE 0xfee00000ull
#define IO_LENGTH 2u /* what the host steps over for a port access */

static void reflect(struct cpu *cpu, struct zone_vcpu *vcpu, enum pending_op op, unsigned length,
		    const struct face_exit *exit)
{
	vcpu->pending = op;
	vcpu->pending_length = (uint8_t)length;
	vcpu_to_host(cpu, exit);
}

/* Step over the zone's own instruction. */
static void skip(struct zone_vcpu *vcpu, unsigned length)
{
	vcpu->vmcb->save.rip += length;
	vcpu->vmcb->control.int_state &= ~INT_SHADOW;
}

/* By the instruction's own bytes; if the host has just taken their page, it is fetched again first.
 */
static bool skip_decoded(struct zone_vcpu *vcpu)
{
	struct space space;

	vcpu_space(vcpu, &space);
	int r = assist_skip(vcpu->vmcb, &space);

	return !r || r == -CL_EFAULT;
}

static void inject(struct zone_vcpu *vcpu, unsigned vector)
{
	event_inject_exception(vcpu->vmcb, vector, vector == VEC_GP, 0);
}

/* RAX and RSP live in the VMCB; instructions name all sixteen. */
static void gpr_all(const struct zone_vcpu *vcpu, uint64_t gpr[16])
{
	memcpy(gpr, vcpu->gpr, 16 * sizeof(*gpr));
	gpr[RAX] = vcpu->vmcb->save.rax;
	gpr[RSP] = vcpu->vmcb->save.rsp;
}

static uint64_t low_bytes(uint64_t value, unsigned size)
{
	return size == 8 ? value : value & (BIT64(8 * size) - 1);
}

/*
 * One canonical move between RAX and the address in RDI: all that the host learns of an access. The
 * face of a vCPU other than the first is in real mode for ever; there it is EAX and [DI], whose
 * offset in the page is enough for the host, which has the address from EXITINFO2.
 */
static bool canonical_move(const struct zone_vcpu *vcpu, struct face_exit *e, bool write,
			   unsigned size)
{
	bool real = !(vcpu->face.cr0 & CR0_PE);
	uint8_t n = 0;

	if (real && size == 8)
		return false;
	if (size == (real ? 4 : 2))
		e->insn[n++] = 0x66;
	if (size == 8)
		e->insn[n++] = 0x48;
	e->insn[n++] = (uint8_t)((write ? 0x88 : 0x8a) | (size > 1));
	e->insn[n++] = real ? 0x05 : 0x07;
	e->insn_len = n;
	if (real)
		e->rdi &= PAGE_SIZE - 1;
	return true;
}

/* The host must do something about an address: map a page, or play a device. */
static void reflect_fault(struct cpu *cpu, struct zone_vcpu *vcpu, uint64_t gpa, uint64_t error)
{
	struct face_exit e = {.code = EXIT_NPF, .info1 = error, .info2 = gpa, .rdi = gpa};

	canonical_move(vcpu, &e, error & NPF_W, 1);
	reflect(cpu, vcpu, PEND_NONE, e.insn_len, &e);
}

static void mmio(struct cpu *cpu, struct zone_vcpu *vcpu, uint64_t gpa, uint64_t error)
{
	struct space space;
	struct insn in;
	uint64_t gpr[16];

	vcpu_space(vcpu, &space);
	if (assist_decode(&space, &in) || insn_mmio(&in, &vcpu->mmio)) {
		vcpu_kill(cpu, vcpu, "unsupported instruction on a device address");
		return;
	}
	gpr_all(vcpu, gpr);
	const struct mmio_op *op = &vcpu->mmio;
	struct face_exit e = {.code = EXIT_NPF, .info1 = error, .info2 = gpa, .rdi = gpa};

	if (!canonical_move(vcpu, &e, op->write, op->size)) {
		vcpu_kill(cpu, vcpu,
			  "8 bytes at once from a device, by another than the first vCPU");
		return;
	}
	if (op->write)
		e.rax = low_bytes(mmio_store_value(op, gpr), op->size);
	if (op->write && ALIGN_DOWN(gpa, PAGE_SIZE) == APIC_BASE)
		start_apic_write(vcpu, gpa - APIC_BASE, (uint32_t)e.rax);
	vcpu->real_length = in.length;
	reflect(cpu, vcpu, op->write ? PEND_MMIO_WRITE : PEND_MMIO_READ, e.insn_len, &e);
}

/* No RAM of the zone behind the C-bit: below 1 MiB it reads as zero, elsewhere nothing is there. */
static void private_hole(struct cpu *cpu, struct zone_vcpu *vcpu, uint64_t gpa, uint64_t info)
{
	if (!page_in_hole(gpa) || (info & (NPF_W | NPF_I)) ||
	    npt_map(&vcpu->zone->npt, ALIGN_DOWN(gpa, PAGE_SIZE), virt_to_phys(zone_zeros), PTE_NX,
		    NPT_4K)) {
		vcpu_kill(cpu, vcpu, "private access outside RAM, at 0x%lx", gpa);
	}
}

static void npf(struct cpu *cpu, struct zone_vcpu *vcpu)
{
	uint64_t info = vcpu->vmcb->control.exit_info1, gpa = vcpu->vmcb->control.exit_info2;
	uint64_t cbit = BIT64(zone_cbit()), error = info;
	bool private = gpa & cbit;
	int r;

	if (gpa >> (zone_cbit() + 1)) {
		vcpu_kill(cpu, vcpu, "address 0x%lx is beyond the C-bit", gpa);
		return;
	}
	if (vcpu->flat && private) {
		start_long_mode(vcpu);
		return;
	}
	gpa &= ~cbit;
	private |= vcpu->flat;
	if (private) {
		r = page_touch_private(vcpu, gpa);
		error = NPF_U | NPF_W | NPF_FINAL;
	} else if (info & (NPF_I | NPF_WALK)) {
		vcpu_kill(cpu, vcpu, "%s",
			  info & NPF_I ? "instruction fetch from a shared page"
				       : "page table in a shared page");
		return;
	} else {
		r = page_touch_shared(vcpu, gpa, info, &error);
	}
	switch (r) {
	case 0:
		break;
	case -CL_ENOENT:
		private_hole(cpu, vcpu, gpa, info);
		break;
	case -CL_EFAULT:
		if (private || (page_index(vcpu->zone, gpa) >= 0 && !page_in_hole(gpa)))
			reflect_fault(cpu, vcpu, gpa, error);
		else
			mmio(cpu, vcpu, gpa, error);
		break;
	case -CL_EIO:
		vcpu_kill(cpu, vcpu, "page 0x%lx failed its integrity check", gpa >> PAGE_SHIFT);
		break;
	default:
		vcpu_kill(cpu, vcpu, "out of Core memory");
		break;
	}
}

static void port(struct cpu *cpu, struct zone_vcpu *vcpu)
{
	struct vmcb *v = vcpu->vmcb;
	uint64_t info = v->control.exit_info1;
	unsigned size = IOIO_SIZE(info), length = (unsigned)(v->control.exit_info2 - v->save.rip);

	if (info & IOIO_STR) { /* Linux unrolls these under SEV */
		inject(vcpu, VEC_GP);
		return;
	}
	if (IOIO_PORT(info) == CL_CALL_PORT && !(info & IOIO_IN) && size == 4) {
		skip(vcpu, length);
		call_zone(cpu, vcpu);
		return;
	}
	struct face_exit e = {.code = EXIT_IOIO,
			      .info1 = info,
			      .info2 = FACE_RIP + IO_LENGTH,
			      .rax = info & IOIO_IN ? 0 : low_bytes(v->save.rax, size)};

	vcpu->real_length = (uint8_t)length;
	vcpu->port_size = (uint8_t)size;
	reflect(cpu, vcpu, info & IOIO_IN ? PEND_PORT_IN : PEND_PORT_OUT, IO_LENGTH, &e);
}

/*
 * The timer of the local APIC, which the host plays: the only MSR that leaves the Core. The zone
 * counts on its own TSC, the host on what it believes the guest's TSC to be.
 */
static void tsc_deadline(struct cpu *cpu, struct zone_vcpu *vcpu, uint64_t value)
{
	uint64_t shown = value;

	vcpu->tsc_deadline = value;
	if (value) /* 0 disarms */
		shown = value - vcpu->vmcb->control.tsc_offset + vcpu->host_tsc_offset;
	struct face_exit e = {.code = EXIT_MSR,
			      .info1 = 1,
			      .rax = (uint32_t)shown,
			      .rcx = MSR_TSC_DEADLINE,
			      .rdx = shown >> 32};

	vcpu->real_length = 2;
	reflect(cpu, vcpu, PEND_MSR_WRITE, 2, &e);
}

static void msr(struct cpu *cpu, struct zone_vcpu *vcpu)
{
	struct vmcb *v = vcpu->vmcb;
	uint32_t index = (uint32_t)vcpu->gpr[RCX];
	uint64_t value = (uint32_t)v->save.rax | vcpu->gpr[RDX] << 32;
	bool write = v->control.exit_info1 & 1;

	if (write && index == MSR_TSC_DEADLINE) {
		tsc_deadline(cpu, vcpu, value);
		return;
	}
	if (write ? zone_msr_write(vcpu, index, value) : zone_msr_read(vcpu, index, &value)) {
		inject(vcpu, VEC_GP);
		return;
	}
	if (!write) {
		v->save.rax = (uint32_t)value;
		vcpu->gpr[RDX] = value >> 32;
	}
	skip(vcpu, 2);
}

static void hlt(struct cpu *cpu, struct zone_vcpu *vcpu)
{
	struct face_exit e = {.code = EXIT_HLT};

	vcpu->real_length = 1;
	if (irq_deliverable(vcpu))
		skip(vcpu, 1);
	else
		reflect(cpu, vcpu, PEND_HLT, 1, &e);
}

/* The host's turn, and nothing to see: an interrupt, NMI, SMI or INIT of the machine. */
static void yield(struct cpu *cpu, struct zone_vcpu *vcpu, uint64_t code)
{
	struct face_exit e = {.code = code};

	reflect(cpu, vcpu, PEND_NONE, 0, &e);
}

/*
 * Page-table walks of real SEV are private whatever CR3 says, and Linux's decompressor counts on
 * it: it loads CR3 without the C-bit. So the Core adds the bit, until the kernel proper, in the
 * upper half, has set it by itself. (A walk through a shared page ends the zone in any case.)
 */
static void cr3_write(struct zone_vcpu *vcpu)
{
	uint64_t cbit = BIT64(zone_cbit()), gpr[16];
	struct vmcb *v = vcpu->vmcb;
	struct space space;
	struct insn in;

	vcpu_space(vcpu, &space);
	int r = assist_decode(&space, &in);

	if (r == -CL_EFAULT) /* the host has just taken the page: run into that first */
		return;
	if (r || in.opcode_map != 1 || in.opcode != 0x22) {
		inject(vcpu, VEC_UD);
		return;
	}
	gpr_all(vcpu, gpr);
	if ((gpr[in.rm] & cbit) && v->save.rip >> 63)
		vmcb_no_intercept(v, ICPT_CR_WRITE + 3);
	v->save.cr3 = gpr[in.rm] | cbit;
	epoch_advance(&vcpu->zone->epoch);
	skip(vcpu, in.length);
}

static void cr4_access(struct zone_vcpu *vcpu)
{
	struct space space;

	vcpu_space(vcpu, &space);
	emulator_cr4(vcpu->vmcb, vcpu->gpr, &space);
}

static void debug_registers(struct zone_vcpu *vcpu)
{
	struct space space;

	vcpu_space(vcpu, &space);
	debugreg_exit(&vcpu->debug, vcpu->vmcb, vcpu->gpr, &space);
}

/*
 * #DB and #AC are the zone's, but their own delivery may raise them again, for ever and without an
 * exit: then the zone ends (the attack of CVE-2015-5307 and CVE-2015-8104).
 */
static void exception(struct cpu *cpu, struct zone_vcpu *vcpu, unsigned vector)
{
	if (vector == VEC_MC)
		panic("machine check in a zone");
	if (vcpu->vmcb->control.exit_int_info & EVENT_VALID)
		vcpu_kill(cpu, vcpu, "exception %u while delivering an event", vector);
	else
		event_inject_exception(vcpu->vmcb, vector, vector == VEC_AC, 0);
}

void exit_handle(struct cpu *cpu, struct zone_vcpu *vcpu)
{
	uint32_t code = (uint32_t)vcpu->vmcb->control.exit_code;
	struct space space;

	vcpu_space(vcpu, &space);
	emulator_woken(vcpu->vmcb, &space);
	if (vcpu->state != VCPU_ON) { /* the zone has sent it INIT */
		yield(cpu, vcpu, EXIT_INTR);
		return;
	}
	switch (code) {
	case EXIT_NPF:
		npf(cpu, vcpu);
		break;
	case EXIT_NMI:
		cpu_take_nmi();
		if (cpu->nmi_pending) /* else it was a kick of the Core's */
			yield(cpu, vcpu, code);
		break;
	case EXIT_INTR:
	case EXIT_SMI:
	case EXIT_INIT:
		yield(cpu, vcpu, code);
		break;
	case EXIT_IOIO:
		port(cpu, vcpu);
		break;
	case EXIT_MSR:
		msr(cpu, vcpu);
		break;
	case EXIT_CPUID:
		zone_cpuid(vcpu);
		skip(vcpu, 2);
		break;
	case EXIT_HLT:
		hlt(cpu, vcpu);
		break;
	case EXIT_IRET:
		irq_nmi_done(vcpu);
		break;
	case EXIT_INVD: /* nothing: a zone has no use for either, and others would wait for it */
	case EXIT_WBINVD:
		if (!skip_decoded(vcpu))
			inject(vcpu, VEC_UD);
		break;
	case EXIT_RDPMC:
		inject(vcpu, VEC_GP);
		break;
	case EXIT_EXCEPTION + VEC_DB:
	case EXIT_EXCEPTION + VEC_AC:
	case EXIT_EXCEPTION + VEC_MC:
		exception(cpu, vcpu, code - EXIT_EXCEPTION);
		break;
	case EXIT_CR_WRITE + 3:
		cr3_write(vcpu);
		break;
	case EXIT_CR0_SEL:
		cpu->let_cr0 = true;
		break;
	case EXIT_CR_READ + 4:
	case EXIT_CR_WRITE + 4:
		cr4_access(vcpu);
		break;
	case EXIT_DR_READ ... EXIT_DR_WRITE + 15:
		debug_registers(vcpu);
		break;
	case EXIT_SHUTDOWN:
		vcpu_kill(cpu, vcpu, "triple fault");
		break;
	case EXIT_VMRUN ... EXIT_SKINIT:
	case EXIT_INVLPGA:
	case EXIT_MONITOR ... EXIT_MWAIT_ARMED:
		inject(vcpu, VEC_UD);
		break;
	default:
		vcpu_kill(cpu, vcpu, "exit code 0x%x", code);
		break;
	}
}

void exit_complete(struct zone_vcpu *vcpu, const struct vmcb *h)
{
	enum pending_op op = vcpu->pending;
	uint64_t gpr[16], mask;

	vcpu->pending = PEND_NONE;
	/* Not stepped over: the host wants the zone to run the instruction again. */
	if (op == PEND_NONE || h->save.rip != FACE_RIP + vcpu->pending_length)
		return;
	switch (op) {
	case PEND_PORT_IN:
		mask = BIT64(8 * vcpu->port_size) - 1;
		vcpu->vmcb->save.rax = vcpu->port_size == 4 ? (uint32_t)h->save.rax
							    : (vcpu->vmcb->save.rax & ~mask) |
								      (h->save.rax & mask);
		break;
	case PEND_MMIO_READ:
		gpr_all(vcpu, gpr);
		mmio_load_result(&vcpu->mmio, gpr, low_bytes(h->save.rax, vcpu->mmio.size));
		vcpu->vmcb->save.rax = gpr[RAX];
		vcpu->vmcb->save.rsp = gpr[RSP];
		memcpy(vcpu->gpr, gpr, sizeof(gpr));
		break;
	default:
		break;
	}
	skip(vcpu, vcpu->real_length);
}
