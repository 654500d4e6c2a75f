// SPDX-License-Identifier: Apache-2.0
// What runs inside the guests of vmm.c, at any address. Two parts: guest_protect is an ordinary
// guest that asks to become a zone; guest_zone is that zone. It takes the number of a task in RSI
// (measured: desc.entry_rsi) and tells its VMM what happens by 32-bit OUTs to SAY.

#include "guest.h"

	.section .rodata
	.balign 4096
	.globl guest_begin
guest_begin:

// ---- before the zone ---------------------------------------------------------------------------
// PROTECT takes only pages that the host has mapped already, writable: touch them, up to RDI.
	.code64
	.globl guest_launch
guest_launch:
	movl $BOOT_PML4, %r8d
1:	lock orb $0, (%r8)
	addq $4096, %r8
	cmpq $DESC_GPA, %r8
	jbe 1b
	movl $GUEST_GPA, %r8d
2:	lock orb $0, (%r8)
	addq $4096, %r8
	cmpq %rdi, %r8
	jb 2b
// These bytes mean the same in 64-bit and in compatibility mode.
	.globl guest_protect
guest_protect:
	vmmcall
	.byte 0x66, 0xba // mov $REFUSED, %dx
	.word REFUSED
	outl %eax, %dx
1:	hlt
	jmp 1b

// ---- the zone ----------------------------------------------------------------------------------
	.globl guest_zone
guest_zone:
	leaq STACK, %rsp
	cld
	movq %cr4, %rax
	orl $0x600, %eax // OSFXSR, OSXMMEXCPT
	movq %rax, %cr4
	lgdt gdtr(%rip)
	movl $0x18, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	pushq $0x10
	leaq 1f(%rip), %rax
	pushq %rax
	lretq
1:	// 256 gates at IDT, stubs of 16 bytes.
	leaq stubs(%rip), %rax
	movl $IDT, %edi
	xorl %ecx, %ecx
2:	movw %ax, (%rdi)
	movl $0x8e000010, 2(%rdi) // selector 0x10; 64-bit interrupt gate
	movq %rax, %rdx
	shrq $16, %rdx
	movw %dx, 6(%rdi)
	shrq $16, %rdx
	movq %rdx, 8(%rdi)
	addq $16, %rax
	addq $16, %rdi
	incl %ecx
	cmpl $256, %ecx
	jne 2b
	subq $16, %rsp
	movw $4095, (%rsp)
	movq $IDT, 2(%rsp)
	lidt (%rsp)
	// SHARED → SHARED_GPA, ALIAS → PAGES_GPA, MMIO → MMIO_GPA: 2 MiB each, without the C-bit.
	movq $SHARED_GPA + 0x83, BOOT_PD + SHARED / 0x200000 * 8
	movq $PAGES_GPA + 0x83, BOOT_PD + ALIAS / 0x200000 * 8
	movl $MMIO_GPA + 0x83, %eax
	movq %rax, BOOT_PD + MMIO / 0x200000 * 8
	movq %cr3, %rax
	movq %rax, %cr3
	cmpq $TASKS, %rsi
	jae fail
	leaq tasks(%rip), %rax
	movslq (%rax, %rsi, 4), %rcx
	addq %rcx, %rax
	call *%rax
	movl $DONE, %eax
	call say
3:	hlt
	jmp 3b
fail:	ud2

say:	pushq %rdx
	movw $SAY, %dx
	outl %eax, %dx
	popq %rdx
	ret

// An exception or interrupt: the vector is on top. Exceptions of a probe go on at its end, %r14;
// interrupts are told and return.
trap:	cmpl $32, (%rsp)
	jae interrupt
	popq %rax
	testq %r14, %r14
	jz fail
	movq %r13, %rsp
	jmp *%r14
interrupt:
	pushq %rax
	pushq %rdx
	movl 16(%rsp), %eax
	movw $IRQ, %dx
	outl %eax, %dx
	popq %rdx
	popq %rax
	addq $8, %rsp
	iretq

	.balign 16
stubs:
	.set vector, 0
	.rept 256
	.balign 16
	// Those with an error code have it dropped first (APM vol. 2, table 8-1).
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || \
		vector == 29 || vector == 30
	addq $8, %rsp
	.endif
	pushq $vector
	jmp trap
	.set vector, vector + 1
	.endr
	.balign 16

// PROBE instruction: says the vector of the exception that it raises, or NO_TRAP.
.macro probe instruction:vararg
	leaq 7f(%rip), %r14
	movq %rsp, %r13
	\instruction
	movl $NO_TRAP, %eax
7:	xorl %r14d, %r14d
	call say
.endm
.macro probe_rdmsr msr
	movl $\msr, %ecx
	probe rdmsr
.endm
.macro probe_wrmsr msr, high, low
	movl $\msr, %ecx
	movl $\high, %edx
	movl $\low, %eax
	probe wrmsr
.endm

// The order is that of the tables in vmm.c.
task_instructions:
	movl $0x200000, %eax
	probe vmrun
	movl $0x200000, %eax
	probe vmload
	movl $0x200000, %eax
	probe vmsave
	probe stgi
	probe clgi
	movl $0, %ecx
	probe invlpga %rax, %ecx
	movl $0x200000, %eax
	probe .byte 0x0f, 0x01, 0xde // skinit
	movl $0x435a0001, %eax
	probe vmmcall
	movl $0x200000, %eax
	xorl %ecx, %ecx
	xorl %edx, %edx
	probe monitor
	xorl %eax, %eax
	probe mwait
	probe ud2
	xorl %ecx, %ecx
	probe rdpmc
	movw $SAY, %dx
	movl $0x200000, %esi
	probe outsl
	movw $SAY, %dx
	movl $0x200000, %edi
	probe insl
	ret

task_msrs:
	probe_rdmsr 0xc0010114 // VM_CR
	probe_rdmsr 0xc0010117 // VM_HSAVE_PA
	probe_rdmsr 0xc0010004 // performance counter
	probe_rdmsr 0xc0010111 // SMM base
	probe_rdmsr 0x0000001d // none
	probe_rdmsr 0x000001d9 // DebugCtl
	probe_rdmsr 0x000002ff // MTRR default type
	probe_rdmsr 0x00000830 // x2APIC ICR
	probe_rdmsr 0x4b564d01 // KVM clock
	probe_rdmsr 0xc0010130 // GHCB: SEV-ES only
	probe_rdmsr 0xdeadbeef
	probe_wrmsr 0xc0010114, 0, 0
	probe_wrmsr 0xc0010117, 0, 0x200000
	probe_wrmsr 0xc0000080, 0, 0x1d00 // EFER with SVME
	probe_wrmsr 0xc0000080, 0, 0x0 // EFER without LME while paging
	probe_wrmsr 0x277, 0x00070402, 0x00070406 // PAT with the reserved type 2
	probe_wrmsr 0x1b, 0, 0xfec00900 // the APIC elsewhere
	probe_wrmsr 0xc0010131, 0, 0 // SEV_STATUS
	probe_wrmsr 0x4b564d01, 0, 0x200001
	probe_wrmsr 0xdeadbeef, -1, -1
	ret

task_msr_values:
	.irp msr, 0xc0010131, 0xc0010010, 0xc0000080, 0x1b
	movl $\msr, %ecx
	rdmsr
	call say
	movl %edx, %eax
	call say
	.endr
	ret

task_cpuid:
	.irp leaf, 0, 1, 0x40000000, 0x80000001, 0x8000000a, 0x8000001f
	movl $\leaf, %eax
	xorl %ecx, %ecx
	cpuid
	call say
	movl %ebx, %eax
	call say
	movl %ecx, %eax
	call say
	movl %edx, %eax
	call say
	.endr
	ret

// CALL op, address, size: a call to the Core; says its answer.
.macro core_call op, address, size
	movl $\op, %eax
	movabsq $\address, %rbx
	movq $\size, %rcx
	movl $0xc1f, %edx
	outl %eax, %dx
	call say
.endm
task_calls:
	core_call 0x12345678, 0x200000, 1096
	core_call 0x435a0101, 0x200000, 160 // INFO is the host's
	core_call 0x435a0103, 0x200000, 8 // so is ZONE_END
	core_call 0x435a0201, 0x200000, 0
	core_call 0x435a0201, 0x200000, 1095
	core_call 0x435a0201, 0x200000, -1
	core_call 0x435a0201, 0x8000000000000000, 1096 // not canonical
	core_call 0x435a0201, 0xfffffffffffff000, 1096 // not mapped
	core_call 0x435a0201, 0x140000000, 1096 // not mapped
	core_call 0x435a0201, SHARED, 1096 // the host's memory
	core_call 0x435a0201, 0xa0000, 1096 // no RAM
	core_call 0x435a0201, 0x3000000 + 0x2000000, 1096 // beyond RAM
	core_call 0x435a0202, 0x200000, 9 // EXIT of a wrong size
	core_call 0x435a0201, 0x200f00, 1096 // good, across two pages
	movl 0x200f40, %eax
	call say // size of the report
	movzbl 0x200f48, %eax
	call say // its first byte: CBOR tag 18
	ret

// Ask for the key of the context that the VMM put into the shared page, and tell it all: no real zone
// would.
task_seal_key:
	movl $SHARED, %esi
	movl $0x200000, %edi
	movl $16, %ecx
	rep movsq
	core_call 0x435a0203, 0x200000, 0
	core_call 0x435a0203, 0x200000, 127
	core_call 0x435a0203, 0x8000000000000000, 128 // not canonical
	core_call 0x435a0203, SHARED, 128 // the host's memory
	core_call 0x435a0203, 0x200000, 128
	movl $0x200000, %esi
	movl $SHARED + 2048, %edi
	movl $16, %ecx
	rep movsq
	ret

task_exit:
	movl $7, 0x200000
	movl $0, 0x200004
	core_call 0x435a0202, 0x200000, 8
	ret

// Fill COUNT pages with what only this zone knows; then check and say the number of wrong words,
// again and again, as often as the VMM lets it run.
task_pages:
	movl $PAGES_GPA, %edi
	movl SHARED, %ecx // how many, from the VMM
	shll $9, %ecx
	movl %ecx, %r8d
	movabsq $PATTERN, %rax
	rep stosq
1:	movl $SAY_PAGES, %eax
	call say
	movl $PAGES_GPA, %edi
	movl %r8d, %ecx
	movabsq $PATTERN, %rax
	xorl %ebx, %ebx
2:	cmpq %rax, (%rdi)
	je 3f
	incl %ebx
3:	addq $8, %rdi
	decl %ecx
	jnz 2b
	movl %ebx, %eax
	call say
	jmp 1b

// As above, but new contents in each round (the old ones are what a replay brings back).
task_versions:
	movq $1, %r12
1:	movl $PAGES_GPA, %edi
	movl $512, %ecx
	movq %r12, %rax
	rep stosq
	movl $SAY_PAGES, %eax
	call say
	movl PAGES_GPA, %eax
	call say
	incq %r12
	jmp 1b

// Registers full of secrets at each kind of exit.
.macro secrets
	movabsq $SECRET, %rax
	.irp r, rbx, rcx, rdi, rsi, r8, r9, r10, r11, r12, r13, r14, r15, rbp
	movq %rax, %\r
	.endr
	movq %rax, %xmm0
	movq %rax, %xmm15
	movq %rax, %cr2
.endm
.macro secrets_intact
	movabsq $SECRET, %rdx
	xorl %eax, %eax
	.irp r, rbx, rcx, rdi, rsi, r8, r9, r10, r11, r12, r13, r14, r15, rbp
	cmpq %rdx, %\r
	je 8f
	incl %eax
8:
	.endr
	movq %xmm15, %r8
	cmpq %rdx, %r8
	je 8f
	addl $0x100, %eax
8:	movq %cr2, %r8
	cmpq %rdx, %r8
	je 8f
	addl $0x10000, %eax
8:	xorl %r14d, %r14d
	call say
.endm
task_secrets:
	secrets
	movl $0x11, %eax
	movq %rbx, %rdx
	movw $PORT, %dx
	outb %al, %dx
	secrets_intact
	secrets
	movw $PORT, %dx
	inb %dx, %al
	secrets_intact
	secrets
	hlt
	secrets_intact
	secrets
	movl $0x55, MMIO
	secrets_intact
	secrets
	movl MMIO, %eax
	secrets_intact
	secrets
	movb TOUCH, %al
	secrets_intact
	movl MMIO, %eax
	call say // what the VMM answered
	movw $PORT, %dx
	xorl %eax, %eax
	inb %dx, %al
	call say
	xorl %eax, %eax
	inw %dx, %ax
	call say
	inl %dx, %eax
	call say
	ret

task_triple_fault:
	subq $16, %rsp
	movw $0, (%rsp)
	lidt (%rsp)
	ud2

// Whatever interrupts come: they are told. Says SAY_TICK when it has slept.
task_interrupts:
1:	sti
	hlt
	cli
	movl $SAY_TICK, %eax
	call say
	jmp 1b

task_fetch_shared:
	movl $SHARED, %eax
	jmp *%rax

task_tables_shared:
	movl $SHARED_GPA + 7, %eax // no C-bit
	movq %rax, BOOT_PML4 + 8
	movabsq $0x8000000000, %rax
	movl (%rax), %eax
	ret

task_outside_ram:
	movl $0xd0000000, %eax
	movl (%rax), %eax
	ret

task_hole:
	movl 0xa0000, %eax
	call say
	movl 0xffff0, %eax
	call say
	movl $1, 0xc0000
	ret

// Private, shared, private again: nothing of the zone's is left for the host, nothing of the
// host's for the zone.
task_convert:
	movabsq $PATTERN, %rax
	movq %rax, PAGES_GPA + 8
	movl $SAY_PAGES, %eax
	call say
	movl ALIAS + 8, %eax // becomes the host's
	call say
	movl $0x600d, ALIAS
	movl $SAY_PAGES, %eax
	call say
	movl ALIAS + 16, %eax // what the host has written
	call say
	movl PAGES_GPA + 8, %eax // becomes the zone's
	call say
	movl PAGES_GPA + 16, %eax
	call say
	ret

// Two pages that the host backs with one frame.
task_twice:
	movl $1, PAGES_GPA
	movl $2, PAGES_GPA + 0x1000
	movl PAGES_GPA, %eax
	call say
	movl PAGES_GPA + 0x1000, %eax
	call say
	ret

// Debug registers: what is in them, what comes back of what is written, whether a breakpoint fires.
.macro say_dr n
	movq %dr\n, %rax
	call say
	shrq $32, %rax
	call say
.endm
task_debugregs:
	.irp n, 0, 1, 2, 3, 7
	say_dr \n
	.endr
	movabsq $PATTERN, %rbx
	.irp n, 0, 1, 2, 3
	movq %rbx, %dr\n
	rorq $8, %rbx
	.endr
	.irp n, 0, 1, 2, 3
	say_dr \n
	.endr
	movl $1, %ebx
	shlq $32, %rbx
	probe movq %rbx, %dr7 // #GP: upper half
	movl $0xffffffff, %ebx
	movq %rbx, %dr0 // a breakpoint that cannot match
	movq %rbx, %dr1
	movq %rbx, %dr2
	movq %rbx, %dr3
	movl $0x400, %r12d
	movq %r12, %dr7
	movq %cr4, %rax
	orl $8, %eax // DE
	movq %rax, %cr4
	probe movq %dr5, %rax // #UD
	movq %cr4, %rax
	andl $~8, %eax
	movq %rax, %cr4
	movl $0xffff0155, %r12d
	movq %r12, %dr5 // the same as DR7
	say_dr 7
	movq %dr5, %r9
	movl %r9d, %eax
	call say
	movl $0x400, %eax
	movq %rax, %dr7
	// DR0: a write of 8 bytes at TOUCH.
	movl $TOUCH, %eax
	movq %rax, %dr0
	movl $0x90001, %eax
	movq %rax, %dr7
	probe movq $1, TOUCH
	movl $0x400, %eax
	movq %rax, %dr7
	// Single-stepping.
	pushfq
	orl $0x100, (%rsp)
	leaq 7f(%rip), %r14
	movq %rsp, %r13
	popfq
	nop
	movl $NO_TRAP, %eax
7:	xorl %r14d, %r14d
	call say
	movq %r13, %rsp
	addq $8, %rsp
	ret

// Spin without an exit of its own.
task_spin:
	movl $SAY_TICK, %eax
	call say
1:	pause
	jmp 1b

#include "guest_attack.inc"

	.balign 4
tasks:
	.irp name, spin, instructions, msrs, msr_values, cpuid, calls, exit, pages, versions, \
		secrets, triple_fault, interrupts, fetch_shared, tables_shared, outside_ram, hole, \
		convert, twice, debugregs, rounds, look, tell, own_msrs, clock, acpi, write_msrs, \
		write_ports, random_calls, random_tables, seal_key
	.long task_\name - tasks
	.endr

	.balign 8
gdt:	.quad 0, 0
	.quad 0x00af9b000000ffff // 0x10: code
	.quad 0x00cf93000000ffff // 0x18: data
gdtr:	.word . - gdt - 1
	.quad GUEST_GPA + gdt - guest_begin
	.balign 4096
	.globl guest_end
guest_end:
	.section .note.GNU-stack, "", @progbits
