// SPDX-License-Identifier: Apache-2.0
/* Ports and MSRs: exits, and what happens without one. */
#include "conform.h"

/* Port 0x80: in QEMU all writes go nowhere, reads give ones. RCX 3, RDX the port. */
FRAGMENT(out8, "out %al, %dx");
FRAGMENT(out16, "out %ax, %dx");
FRAGMENT(out32, "out %eax, %dx");
FRAGMENT(out_imm, "out %al, $0x80");
FRAGMENT(in8, "in %dx, %al");
FRAGMENT(in16, "in %dx, %ax");
FRAGMENT(in32, "in %dx, %eax");
FRAGMENT(in_imm, "in $0x80, %al");
FRAGMENT(outs8, "outsb");
FRAGMENT(outs32_fs, "fs outsl");
FRAGMENT(rep_outs16, "rep outsw");
FRAGMENT(outs8_addr32, "addr32 outsb");
FRAGMENT(ins8, "insb");
FRAGMENT(rep_ins32, "rep insl");
FRAGMENT(rep_ins8_none, "xor %ecx, %ecx; rep insb");

static void port(const char *name, const void *code, uint16_t number, const char *map)
{
	begin(code);
	gpr[RCX] = 3;
	gpr[RDX] = number;
	vmcb.save.rax = 0x1122334455667788;
	vmcb_intercept(&vmcb, ICPT_IOIO);
	if (*map == 'n')
		vmcb_no_intercept(&vmcb, ICPT_IOIO);
	else if (*map != 'a')
		memset(iopm, 0, sizeof(iopm));
	if (*map == 'l') /* the access reaches into the intercepted port */
		bit_set(iopm, number + 1u);
	say("io.%s.%s:", name, map);
	report_run();
	say(" rax=0x%lx rcx=%lu rsi=%lu rdi=%lu data=0x%x\n", vmcb.save.rax, gpr[RCX],
	    gpr[RSI] - FREE, gpr[RDI] - FREE, *(uint32_t *)phys_to_virt(FREE));
}

void ports(void)
{
	static const struct {
		const char *name;
		const void *code;
	} cases[] = {
		{"out8", out8},
		{"out16", out16},
		{"out32", out32},
		{"out_imm", out_imm},
		{"in8", in8},
		{"in16", in16},
		{"in32", in32},
		{"in_imm", in_imm},
		{"outs8", outs8},
		{"outs32_fs", outs32_fs},
		{"rep_outs16", rep_outs16},
		{"outs8_addr32", outs8_addr32},
		{"ins8", ins8},
		{"rep_ins32", rep_ins32},
		{"rep_ins8_none", rep_ins8_none},
	};

	for (unsigned i = 0; i < ARRAY(cases); i++) {
		port(cases[i].name, cases[i].code, 0x80, "all");
		port(cases[i].name, cases[i].code, 0x80, "empty_map");
		port(cases[i].name, cases[i].code, 0x80, "last_byte");
		port(cases[i].name, cases[i].code, 0x80, "not_at_all");
	}
	port("out32_end", out32, 0xfffd, "all");
	port("out32_wraps", out32, 0xffff, "last_byte");
}

FRAGMENT(rdmsr_code, "rdmsr");
FRAGMENT(wrmsr_code, "wrmsr");

static void one_msr(const char *name, uint32_t msr, bool write, bool open, bool show)
{
	uint64_t now = 0;

	begin(write ? wrmsr_code : rdmsr_code);
	if (write) { /* the value that it has */
		gpr[RCX] = msr;
		vmcb.save.rip = virt_to_phys(rdmsr_code);
		vmcb_no_intercept(&vmcb, ICPT_MSR);
		guest_run();
		now = guest_vector() < 0 ? (uint32_t)vmcb.save.rax | gpr[RDX] << 32 : 0;
		begin(wrmsr_code);
	}
	vmcb_intercept(&vmcb, ICPT_MSR);
	gpr[RCX] = msr;
	gpr[RDX] = now >> 32;
	vmcb.save.rax = (uint32_t)now;
	if (open && msrpm_bit(msr) >= 0)
		bit_clear(msrpm, (unsigned)msrpm_bit(msr) + write);
	say("%s.%s.%s:", write ? "wrmsr" : "rdmsr", name, open ? "open" : "intercepted");
	report_run();
	if (open && show)
		say(" value=0x%lx", (uint32_t)vmcb.save.rax | gpr[RDX] << 32);
	say("\n");
}

void msrs(void)
{
	static const struct {
		const char *name;
		uint32_t msr;
		bool show;
	} cases[] = {
		{"efer", MSR_EFER, true},
		{"star", MSR_STAR, true},
		{"lstar", MSR_LSTAR, true},
		{"kernel_gs", MSR_KERNEL_GS, true},
		{"fs_base", MSR_FS_BASE, true},
		{"sysenter_eip", MSR_SYSENTER_EIP, true},
		{"pat", MSR_PAT, true},
		{"tsc_aux", MSR_TSC_AUX, true},
		{"mtrr_cap", 0xfe, true},
		{"mtrr_type", 0x2ff, true},
		{"misc_enable", 0x1a0, true},
		{"mcg_cap", 0x179, true},
		{"apic_base", MSR_APIC_BASE, true},
		{"tsc", MSR_TSC, false},
		{"vm_cr", MSR_VM_CR, true},
		{"hsave", MSR_SVM_HSAVE_PA, false},
		{"debugctl", MSR_DEBUGCTL, true},
		{"not_in_map", 0x12345678, false},
	};

	for (unsigned i = 0; i < ARRAY(cases); i++) {
		for (unsigned w = 0; w < 2; w++) {
			one_msr(cases[i].name, cases[i].msr, w, true, cases[i].show);
			one_msr(cases[i].name, cases[i].msr, w, false, cases[i].show);
		}
	}
}
