/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest executes, one instruction after the other; each is tried with its intercept and
 * without. EAX, ECX, EDX are 0, RBX, RSI, RDI a page of free memory. Each ends in VMMCALL.
 *
 *   INSN name, intercept, flags, "code"
 */
#define ONLY_INTERCEPTED 1	/* else it would stop the CPU */
#define EXCEPTION	 2	/* it is the exception that is intercepted */

	.macro	INSN name, icpt, flags, code
	.section .rodata.str, "a", @progbits
97:	.asciz	"\name"
	.text
98:	\code
99:	vmmcall
	.section .insns, "a", @progbits
	.quad	97b, 98b
	.long	\icpt, \flags
	.text
	.endm

	.text
	/* enum intercept of core/svm/vmcb.h */
	INSN	cr0_read, 0, 0, "mov %cr0, %r9"
	INSN	cr2_read, 2, 0, "mov %cr2, %rdx"
	INSN	cr3_read, 3, 0, "mov %cr3, %rax"
	INSN	cr4_read, 4, 0, "mov %cr4, %rcx"
	INSN	cr8_read, 8, 0, "mov %cr8, %r15"
	INSN	smsw, 0, 0, "smsw %eax"
	INSN	smsw_mem, 0, 0, "smsw (%rbx)"
	INSN	cr0_write, 16, 0, "mov %cr0, %rax; mov %rax, %cr0"
	INSN	cr2_write, 18, 0, "mov %rbx, %cr2"
	INSN	cr3_write, 19, 0, "mov %cr3, %rax; mov %rax, %cr3"
	INSN	cr4_write, 20, 0, "mov %cr4, %r11; mov %r11, %cr4"
	INSN	cr8_write, 24, 0, "mov %rcx, %cr8"
	INSN	clts, 16, 0, "clts"
	INSN	lmsw, 16, 0, "smsw %eax; lmsw %ax"
	INSN	cr0_sel_same, 101, 0, "mov %cr0, %rax; mov %rax, %cr0"
	INSN	cr0_sel_ts, 101, 0, "mov %cr0, %rax; xor $8, %rax; mov %rax, %cr0"
	INSN	cr0_sel_wp, 101, 0, "mov %cr0, %rdx; btc $16, %rdx; mov %rdx, %cr0"
	INSN	cr0_sel_lmsw, 101, 0, "mov $3, %eax; lmsw %ax"
	INSN	dr0_read, 32, 0, "mov %dr0, %rax"
	INSN	dr3_read, 35, 0, "mov %dr3, %r12"
	INSN	dr6_read, 38, 0, "mov %dr6, %rcx"
	INSN	dr7_read, 39, 0, "mov %dr7, %rdx"
	INSN	dr4_read, 38, 0, ".byte 0x0f, 0x21, 0xe0"
	INSN	dr0_write, 48, 0, "mov %rcx, %dr0"
	INSN	dr3_write, 51, 0, "mov %rcx, %dr3"
	INSN	dr6_write, 54, 0, "mov %rcx, %dr6"
	INSN	dr7_write, 55, 0, "mov $0x400, %eax; mov %rax, %dr7"
	INSN	sidt, 102, 0, "sidt (%rbx)"
	INSN	sgdt, 103, 0, "sgdt (%rbx)"
	INSN	sldt, 104, 0, "sldt %eax"
	INSN	str, 105, 0, "str (%rbx)"
	INSN	lidt, 106, 0, "sidt (%rbx); lidt (%rbx)"
	INSN	lgdt, 107, 0, "sgdt (%rbx); lgdt (%rbx)"
	INSN	lldt, 108, 0, "lldt %ax"
	INSN	ltr, 109, 0, "ltr %ax"
	INSN	rdtsc, 110, 0, "rdtsc"
	INSN	rdpmc, 111, 0, "rdpmc"
	INSN	pushf, 112, 0, "pushfq"
	INSN	popf, 113, 0, "pushfq; popfq"
	INSN	cpuid, 114, 0, "cpuid"
	INSN	cpuid_prefix, 114, 0, ".byte 0x66, 0x48, 0x0f, 0xa2"
	INSN	rsm, 115, 0, "rsm"
	INSN	iret, 116, 0, "xor %eax, %eax; mov %ss, %eax; push %rax; push %rsp; pushfq; mov %cs, %eax; push %rax; lea 1f(%rip), %rax; push %rax; iretq; 1:"
	INSN	int, 117, 0, "int $0x30"
	INSN	int_3_long, 117, 0, ".byte 0xcd, 0x03"
	INSN	int3_as_int, 117, 0, "int3"
	INSN	invd, 118, 0, "invd"
	INSN	pause, 119, 0, "pause"
	INSN	hlt, 120, ONLY_INTERCEPTED, "hlt"
	INSN	invlpg, 121, 0, "invlpg 0x123(%rbx, %rax, 8)"
	INSN	invlpg_rip, 121, 0, "invlpg .(%rip)"
	INSN	invlpga, 122, 0, "invlpga %rax, %ecx"
	INSN	vmrun, 128, 0, "vmrun %rax"
	INSN	vmmcall, 129, 0, "vmmcall"
	INSN	vmload, 130, 0, "mov %rbx, %rax; vmload %rax"
	INSN	vmsave, 131, 0, "mov %rbx, %rax; vmsave %rax"
	INSN	stgi, 132, 0, "stgi"
	INSN	clgi, 133, 0, "clgi"
	INSN	skinit, 134, 0, "skinit %eax"
	INSN	rdtscp, 135, 0, "rdtscp"
	INSN	icebp, 136, 0, ".byte 0xf1"
	INSN	wbinvd, 137, 0, "wbinvd"
	INSN	monitor, 138, 0, "mov %rbx, %rax; monitor"
	INSN	mwait, 139, ONLY_INTERCEPTED, "mov %rbx, %rax; monitor; xor %eax, %eax; mwait"
	INSN	xsetbv, 141, 0, "mov $1, %eax; xsetbv"

	INSN	de, 64, EXCEPTION, "div %ecx"
	INSN	db_icebp, 65, EXCEPTION, ".byte 0xf1"
	INSN	db_step, 65, EXCEPTION, "pushfq; btsq $8, (%rsp); popfq; nop; nop"
	INSN	bp, 67, EXCEPTION, "int3"
	INSN	bp_long, 67, EXCEPTION, ".byte 0xcd, 0x03"
	INSN	of_long, 68, EXCEPTION, ".byte 0xcd, 0x04"
	INSN	ud, 70, EXCEPTION, "ud2"
	INSN	nm, 71, EXCEPTION, "mov %cr0, %rax; or $8, %rax; mov %rax, %cr0; fninit"
	INSN	ss, 76, EXCEPTION, "mov $0x8000000000000000, %rbp; mov (%rbp), %eax"
	INSN	gp, 77, EXCEPTION, "mov $0x8000000000000000, %rax; mov (%rax), %eax"
	INSN	gp_selector, 77, EXCEPTION, "mov $0x1234, %eax; mov %eax, %ds"
	INSN	gp_cr4, 77, EXCEPTION, "mov $-1, %rax; mov %rax, %cr4"
	INSN	pf_read, 78, EXCEPTION, "mov $0x7fffffff000, %rdx; mov (%rdx), %eax"
	INSN	pf_write, 78, EXCEPTION, "mov $0x7fffffff123, %rdx; movl $1, (%rdx)"
	INSN	pf_exec, 78, EXCEPTION, "mov $0x7fffffff000, %rdx; jmp *%rdx"
	INSN	mf, 80, EXCEPTION, "fninit; movw $0, (%rbx); fldcw (%rbx); fldz; fldz; fdivp; fwait"
	.section .note.GNU-stack, "", @progbits
