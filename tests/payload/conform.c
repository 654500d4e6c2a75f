// SPDX-License-Identifier: Apache-2.0
/*
 * What an SVM program sees: many small cases, one line of "name: field=value …" each. The runner
 * (tests/node/test_svm.py) starts this on the bare CPU and above the Core and compares.
 */
#include "conform.h"
#include "lib/format.h"

struct insn_case {
	const char *name;
	const void *code;
	uint32_t icpt, flags;
};
extern const struct insn_case insns[], insns_end[];
#define ONLY_INTERCEPTED 1u
#define EXCEPTION	 2u

const uint8_t *code_begin;

void begin(const void *code)
{
	guest_reset(code);
	code_begin = code;
	gpr[RBX] = gpr[RSI] = gpr[RDI] = FREE;
	memset(phys_to_virt(FREE), 0, 4096);
}

/* An address of the guest as others can know it: behind the code's start, or a vector. */
const char *place(char text[32], uint64_t rip)
{
	uint64_t at = rip - virt_to_phys(code_begin), v = rip - virt_to_phys(guest_stubs);

	if (v < 256 * 16)
		format(text, 32, "vector%lu+%lu", v / 16, v % 16);
	else if (at < 64)
		format(text, 32, "+%lu", at);
	else
		format(text, 32, "0x%lx", rip);
	return text;
}

/* Everything about an exit that does not depend on where things are. */
void report_exit(void)
{
	const struct vmcb_control *c = &vmcb.control;
	uint64_t intinfo = c->exit_int_info & EVENT_VALID ? c->exit_int_info : 0;
	char rip[32], next[32] = "0";
	bool invalid = (uint32_t)c->exit_code == EXIT_INVALID;

	say(" exit=0x%lx", c->exit_code);
	if (invalid)
		return;
	if (c->next_rip)
		place(next, c->next_rip);
	say(" info1=0x%lx info2=0x%lx intinfo=0x%lx rip=%s nrip=%s len=%u shadow=%lu",
	    c->exit_info1,
	    c->exit_code == EXIT_IOIO ? c->exit_info2 - virt_to_phys(code_begin) : c->exit_info2,
	    intinfo, place(rip, vmcb.save.rip), next, c->insn_len, c->int_state);
}

void report_frame(bool error_code)
{
	const uint64_t *frame = phys_to_virt(vmcb.save.rsp);
	char first[32], second[32];

	if (guest_vector() >= 0)
		say(" frame=%s,%s", place(first, frame[0]),
		    error_code ? place(second, frame[1]) : "");
}

void report_run(void)
{
	int trap = guest_run();

	if (trap)
		say(" trap=%d error=0x%lx", trap - 1, trap_error);
	else
		report_exit();
}

/* ---- what VMRUN refuses ---- */

static void invalid(const char *name)
{
	say("vmrun.%s:", name);
	report_run();
	say("\n");
}

FRAGMENT(code_end, "");

#define INVALID(name, change)                                                                      \
	do {                                                                                       \
		begin(code_end);                                                                   \
		change;                                                                            \
		invalid(name);                                                                     \
	} while (0)

static void vmrun_states(void)
{
	struct vmcb_save *s = &vmcb.save;
	struct vmcb_control *c = &vmcb.control;

	INVALID("valid", (void)0);
	INVALID("efer.svme", s->efer &= ~EFER_SVME);
	INVALID("efer.reserved", s->efer |= BIT64(20));
	INVALID("efer.high", s->efer |= BIT64(63));
	INVALID("efer.bit1", s->efer |= BIT64(1));
	INVALID("cr0.nw", s->cr0 |= BIT64(29));
	INVALID("cr0.cd", s->cr0 |= BIT64(30));
	INVALID("cr0.cd_nw", s->cr0 |= BIT64(29) | BIT64(30));
	INVALID("cr0.high", s->cr0 |= BIT64(32));
	INVALID("cr0.bit63", s->cr0 |= BIT64(63));
	INVALID("cr3.bit52", s->cr3 |= BIT64(52));
	INVALID("cr3.bit63", s->cr3 |= BIT64(63));
	INVALID("cr3.maxphyaddr", s->cr3 |= BIT64(cpuid(0x80000008, 0).eax & 0xff));
	INVALID("cr4.bit15", s->cr4 |= BIT64(15));
	INVALID("cr4.bit31", s->cr4 |= BIT64(31));
	INVALID("cr4.high", s->cr4 |= BIT64(32));
	INVALID("dr6.high", s->dr6 |= BIT64(32));
	INVALID("dr7.high", s->dr7 |= BIT64(32));
	INVALID("lme_pg_no_pae", s->cr4 &= ~CR4_PAE);
	INVALID("lme_pg_no_pe", s->cr0 &= ~CR0_PE);
	INVALID("cs.l_d", s->cs.attrib |= SEG_D);
	INVALID("no_lma", s->efer &= ~EFER_LMA);
	INVALID("no_vmrun_intercept", vmcb_no_intercept(&vmcb, ICPT_VMRUN));
	INVALID("asid0", c->asid = 0);
	INVALID("iopm_high", c->iopm_pa = BIT64(52));
	INVALID("iopm_end", c->iopm_pa = BIT64(cpuid(0x80000008, 0).eax & 0xff) - 0x2000);
	INVALID("msrpm_high", c->msrpm_pa = BIT64(52));
	INVALID("msrpm_end", c->msrpm_pa = BIT64(cpuid(0x80000008, 0).eax & 0xff) - 0x1000);
	INVALID("ncr3.bit52", c->ncr3 |= BIT64(52));
	INVALID("ncr3.bit63", c->ncr3 |= BIT64(63));
	INVALID("ncr3.maxphyaddr", c->ncr3 |= BIT64(cpuid(0x80000008, 0).eax & 0xff));
	INVALID("pat.type2", s->g_pat = (PAT_INIT & ~0xffull) | 2);
	INVALID("pat.type3", s->g_pat = (PAT_INIT & ~(0xffull << 56)) | 3ull << 56);
	INVALID("pat.reserved", s->g_pat |= 8);
	INVALID("pat.unused_without_np", (c->nested_ctl = 0, s->g_pat = ~0ull));
	INVALID("ncr3.unused_without_np", (c->nested_ctl = 0, c->ncr3 = ~0ull));
	for (unsigned type = 0; type < 8; type++) {
		char name[32];

		format(name, sizeof(name), "event.type%u", type);
		INVALID(name, c->event_inj = EVENT(type, type == 2 ? 2 : type == 3 ? 6 : 0x31));
	}
	INVALID("event.exception2", c->event_inj = EVENT(EVENT_TYPE_EXC, 2));
	INVALID("event.exception32", c->event_inj = EVENT(EVENT_TYPE_EXC, 32));
	INVALID("event.exception255", c->event_inj = EVENT(EVENT_TYPE_EXC, 255));
	INVALID("event.invalid_type_not_valid", c->event_inj = EVENT(7, 32) & ~EVENT_VALID);
	INVALID("no_intercept_of_shutdown",
		(vmcb_no_intercept(&vmcb, ICPT_SHUTDOWN), s->idtr.limit = 0,
		 c->event_inj = EVENT(EVENT_TYPE_EXC, 6)));
	INVALID("canonical_rip", s->rip = BIT64(47));
	INVALID("base_not_canonical", s->fs.base = BIT64(60));
	INVALID("legacy_cr3_high", (s->efer = EFER_SVME, s->cr0 = CR0_PE | CR0_ET, s->cr3 = ~0ull,
				    s->cs.attrib = SEG_CODE32));
	INVALID("real_mode", (s->efer = EFER_SVME, s->cr0 = CR0_ET, s->cs.attrib = SEG_CODE16,
			      s->cs.limit = 0xffff, s->cs.base = s->rip & ~0xfull, s->rip &= 0xf,
			      code_begin = (const uint8_t *)0));
	INVALID("paged_real_mode", (s->efer = EFER_SVME, s->cr0 = CR0_ET | CR0_PG));
}

/* ---- where the VMCB may be ---- */

static uint64_t odd_address;

static void do_vmrun(void *arg)
{
	__asm__ volatile("vmrun %0" : : "a"(odd_address) : "memory");
}

static void do_vmload(void *arg)
{
	__asm__ volatile("vmload %0" : : "a"(odd_address) : "memory");
}

static void do_vmsave(void *arg)
{
	__asm__ volatile("vmsave %0" : : "a"(odd_address) : "memory");
}

static void at_address(const char *name, uint64_t pa)
{
	static void (*const f[])(void *) = {do_vmrun, do_vmload, do_vmsave};
	static const char *const what[] = {"vmrun", "vmload", "vmsave"};
	uint64_t gs = rdmsr(MSR_KERNEL_GS), lstar = rdmsr(MSR_LSTAR);

	for (unsigned i = 0; i < 3; i++) {
		odd_address = pa;
		int trap = try_call(f[i], NULL);

		say("%s.%s: trap=%d\n", what[i], name, trap - 1);
	}
	wrmsr(MSR_KERNEL_GS, gs);
	wrmsr(MSR_LSTAR, lstar);
}

static void addresses(void)
{
	begin(code_end);
	clgi();
	vmcb.control.asid = 0; /* whoever takes it runs nothing */
	at_address("good", virt_to_phys(&vmcb));
	at_address("plus1", virt_to_phys(&vmcb) + 1);
	at_address("plus8", virt_to_phys(&vmcb) + 8);
	at_address("plus2048", virt_to_phys(&vmcb) + 2048);
	at_address("core_memory", 0x10000000);
	at_address("core_memory_later", 0x10800000);
	at_address("beyond_ram", 0xa0000000);
	at_address("beyond_maxphyaddr", BIT64(52));
	at_address("bit63", BIT64(63) + virt_to_phys(&vmcb));
}

static void without_svme(void)
{
	uint64_t efer = rdmsr(MSR_EFER);

	begin(code_end);
	vmcb.control.asid = 0;
	clgi();
	wrmsr(MSR_EFER, efer & ~EFER_SVME);
	at_address("without_svme", virt_to_phys(&vmcb));
	say("efer.svme_reads: %u\n", (unsigned)(rdmsr(MSR_EFER) >> 12 & 1));
	wrmsr(MSR_EFER, efer);
	say("efer.svme_reads_again: %u\n", (unsigned)(rdmsr(MSR_EFER) >> 12 & 1));
}

static uint32_t msr_number;
static uint64_t msr_value;

static void do_wrmsr(void *arg)
{
	wrmsr(msr_number, msr_value);
}

static void do_rdmsr(void *arg)
{
	msr_value = rdmsr(msr_number);
}

static void svm_msrs(void)
{
	uint64_t hsave = rdmsr(MSR_SVM_HSAVE_PA);

	msr_number = MSR_SVM_HSAVE_PA;
	msr_value = hsave + 8;
	say("hsave.unaligned: trap=%d\n", try_call(do_wrmsr, NULL) - 1);
	msr_value = BIT64(52);
	say("hsave.high: trap=%d\n", try_call(do_wrmsr, NULL) - 1);
	wrmsr(MSR_SVM_HSAVE_PA, hsave);
	say("hsave.reads: same=%u\n", rdmsr(MSR_SVM_HSAVE_PA) == hsave);
	msr_number = MSR_VM_CR;
	int trap = try_call(do_rdmsr, NULL) - 1;

	say("vm_cr.reads: trap=%d svmdis=%u\n", trap, (unsigned)(msr_value >> 4 & 1));
}

/* ---- instructions ---- */

static void instruction(const struct insn_case *c, bool intercepted, bool nested)
{
	begin(c->code);
	if (!nested)
		vmcb.control.nested_ctl = 0;
	if (!strcmp(c->name, "xsetbv") && cpuid(1, 0).ecx & BIT64(26))
		vmcb.save.cr4 |= CR4_OSXSAVE;
	vmcb_no_intercept(&vmcb, ICPT_VMMCALL);
	if (strcmp(c->name, "vmmcall"))
		vmcb_intercept(&vmcb, ICPT_VMMCALL);
	else /* the guest's handlers end in VMMCALL */
		vmcb_intercept(&vmcb, ICPT_EXCEPTION + VEC_UD);
	vmcb.save.ldtr.attrib = SEG_LDT;
	if (intercepted)
		vmcb_intercept(&vmcb, c->icpt);
	say("%s.%s%s:", c->name, intercepted ? "intercepted" : "open", nested ? "" : ".no_np");
	report_run();
	report_frame(c->flags & EXCEPTION);
	say("\n");
}

static void instructions(void)
{
	for (const struct insn_case *c = insns; c < insns_end; c++) {
		if (c->icpt != ICPT_VMRUN && !(c->flags & ONLY_INTERCEPTED))
			instruction(c, false, true);
		instruction(c, true, true);
		if (c->flags & EXCEPTION)
			instruction(c, true, false);
	}
}

void body(void)
{
	vmrun_states();
	addresses();
	without_svme();
	svm_msrs();
	instructions();
	ports();
	msrs();
	injection();
	interrupts();
	nested_tables();
	translations();
	others();
	lme_without_pae();
}
