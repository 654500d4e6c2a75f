/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real instructions, assembled for each mode; tests/unit/insn.c decodes them.
 *
 * insn_gas[] holds for each: its text, its bytes, how many, and the mode (enum insn_mode).
 */
	.macro ONE mode:req, number:req, text:vararg
	.pushsection .rodata.insn_code, "a"
	.code\mode
771:	\text
772:
	.code64
	.popsection
	.pushsection .rodata.insn_text, "a"
773:	.asciz "\text"
	.popsection
	.quad 773b, 771b
	.long 772b - 771b, \number
	.endm

	.macro I16 text:vararg
	ONE 16, 0, \text
	.endm
	.macro I32 text:vararg
	ONE 32, 1, \text
	.endm
	.macro I64 text:vararg
	ONE 64, 2, \text
	.endm
	.macro LEGACY text:vararg
	I16 \text
	I32 \text
	.endm
	.macro ALL text:vararg
	LEGACY \text
	I64 \text
	.endm

	.section .data.rel.ro.insn_gas, "aw"
	.balign 8
	.globl insn_gas
insn_gas:
	/* Intercepted instructions without operands. */
	ALL cpuid
	ALL hlt
	ALL rdmsr
	ALL wrmsr
	ALL rdtsc
	ALL rdtscp
	ALL rdpmc
	ALL invd
	ALL wbinvd
	ALL wbnoinvd
	ALL pause
	ALL xsetbv
	ALL xgetbv
	ALL monitor
	ALL mwait
	ALL monitorx
	ALL mwaitx
	ALL clzero
	ALL vmrun
	ALL vmmcall
	ALL vmload
	ALL vmsave
	ALL stgi
	ALL clgi
	ALL skinit
	ALL invlpga
	ALL rsm
	ALL clts
	I64 addr32 vmrun
	I64 addr32 vmload
	I64 addr32 vmsave
	I64 addr32 invlpga
	I64 addr32 monitor
	I32 addr16 vmrun
	I64 swapgs
	I64 sysretq
	ALL sysenter
	ALL syscall
	/* Interrupts, returns and flags. */
	ALL int3
	ALL int $0x80
	ALL int $3
	LEGACY into
	ALL iretw
	ALL iretl
	I64 iretq
	ALL pushfw
	ALL popfw
	LEGACY pushfl
	LEGACY popfl
	I64 pushfq
	I64 popfq
	ALL cli
	ALL sti
	ALL ud2
	/* Ports. */
	ALL inb $0x60, %al
	ALL inw $0x60, %ax
	ALL inl $0x60, %eax
	ALL inb %dx, %al
	ALL inw %dx, %ax
	ALL inl %dx, %eax
	ALL outb %al, $0x80
	ALL outw %ax, $0x80
	ALL outl %eax, $0x80
	ALL outb %al, %dx
	ALL outw %ax, %dx
	ALL outl %eax, %dx
	ALL insb
	ALL insw
	ALL insl
	ALL outsb
	ALL outsw
	ALL outsl
	ALL rep insb
	ALL rep insw
	ALL rep outsl
	ALL outsb %fs:(%esi), %dx
	LEGACY rep outsb %cs:(%si), %dx
	I64 rep outsw %gs:(%rsi), %dx
	/* Control, debug and descriptor-table registers. */
	LEGACY mov %cr0, %eax
	LEGACY mov %eax, %cr0
	LEGACY mov %edx, %cr3
	LEGACY mov %cr4, %edi
	LEGACY mov %eax, %dr7
	LEGACY mov %dr6, %ecx
	I64 mov %cr0, %rax
	I64 mov %r11, %cr3
	I64 mov %cr4, %r15
	I64 mov %rax, %cr8
	I64 mov %cr8, %r9
	I64 mov %rax, %dr7
	I64 mov %dr3, %r8
	ALL lmsw %ax
	ALL lmsw (%ebx)
	ALL smsww %ax
	ALL smsw (%ecx)
	I64 smsw %r10
	I64 lmsw 0x1234(%rip)
	ALL lgdt 8(%ebx)
	ALL lidt (%eax)
	ALL sgdt (%eax,%ecx,4)
	ALL sidt (%esp)
	LEGACY lgdt 0x1234(%bp)
	LEGACY lidt 0x12
	I64 lgdt 0x1000(%rip)
	I64 lidt (%r12)
	I64 sgdt (%r13)
	ALL lldt %ax
	ALL ltr %ax
	ALL lldt (%ebx)
	ALL ltr 16(%ebx)
	ALL sldt %eax
	ALL str %eax
	ALL str (%ecx)
	I64 sldt %r8
	ALL verr %ax
	ALL lar %ax, %cx
	ALL lsl (%eax), %ecx
	ALL invlpg (%eax)
	ALL invlpg %fs:0x10(%eax,%ebx,2)
	LEGACY invlpg (%bx,%si)
	LEGACY invlpg -2(%bp,%di)
	I64 invlpg (%rax)
	I64 invlpg %gs:-0x10(%rsp,%r12,8)
	I64 invlpg 0x7fffffff(%rip)
	I64 invlpg 0x1000
	/* Far control transfers, which may switch tasks. */
	I16 ljmpw $0x28, $0x1234
	I16 ljmpl $0x28, $0x12345678
	I32 ljmpl $0x28, $0x12345678
	I32 lcallw $0x28, $0x1234
	I16 lcallw $0x28, $0x1234
	I32 lcall $0x28, $0x12345678
	ALL ljmpl *(%ebx)
	ALL ljmpw *(%ebx)
	ALL lcallw *0x10(%ebx)
	ALL lretw
	ALL lretl
	ALL lretl $8
	I64 lretq
	/* Moves to and from memory. */
	ALL movb %al, (%ebx)
	ALL movb %ah, (%ebx)
	ALL movw %cx, 4(%ebx)
	ALL movl %edx, 0x12345(%esi)
	ALL movb (%ebx), %dh
	ALL movw -1(%ebp), %cx
	ALL movl (%esp), %edx
	ALL movb $0x7f, (%ebx)
	ALL movw $0x1234, (%ebx)
	ALL movl $0x12345678, -128(%edi)
	ALL movl $1, %es:4(%edi,%ecx,8)
	ALL movzbw (%ebx), %ax
	ALL movzbl (%ebx), %eax
	ALL movzwl (%ebx), %eax
	ALL movsbl (%ebx), %eax
	ALL movswl (%ebx), %eax
	ALL movsbw (%ebx), %dx
	LEGACY movb 0x1234, %al
	LEGACY movl %eax, 0x1234
	LEGACY movw %ax, %gs:0x1234
	LEGACY movl (%bp,%si), %eax
	LEGACY movw %ax, 0x100(%bx)
	LEGACY movw $1, (%di)
	I32 .byte 0x67, 0xa1, 0x34, 0x12
	I16 movl 0x12345678(,%eax,2), %ecx
	I64 movabs 0x1122334455667788, %al
	I64 movabs 0x1122334455667788, %rax
	I64 movabs %eax, 0x1122334455667788
	I64 movabs %ax, %fs:0x1122334455667788
	I64 addr32 mov 0x11223344, %eax
	I64 movq %r8, (%r9)
	I64 movq %rax, (%r13)
	I64 movq %rax, (%r12)
	I64 movq (%rax,%r12,1), %r10
	I64 movl %r8d, 0x20(%r9,%r10,4)
	I64 movb %sil, (%rdi)
	I64 movb (%rdi), %r15b
	I64 movq $-1, (%rax)
	I64 movl $0x12345678, 0x7ee000b0
	I64 movl 0xb0(%rip), %eax
	I64 movl %eax, 0xfffffffffffffff0(%rip)
	I64 movl (,%rax,8), %ecx
	I64 movl %fs:0, %eax
	I64 movslq (%rbx), %r14
	I64 movslq (%rax), %rax
	I64 movzbl (%r8), %r9d
	I64 movsbq 1(%rax), %rcx
	I64 movswq (%rax), %rcx
	I64 movzwq (%rax), %rcx
	LEGACY arpl %ax, (%ebx)
	/* Read-modify-write and tests. */
	ALL orl %eax, (%ebx)
	ALL andb (%ebx), %cl
	ALL xorw %ax, (%ebx)
	ALL addl $4, (%ebx)
	ALL addl $0x12345, (%ebx)
	ALL addw $0x1234, (%ebx)
	ALL andb $0xfe, (%ebx)
	ALL cmpl $0, 0x10(%ebx)
	ALL cmpb %al, (%ebx)
	ALL testl %eax, (%ebx)
	ALL testb $1, (%ebx)
	ALL testw $0x1234, (%ebx)
	ALL testl $0x12345678, (%ebx)
	ALL notl (%ebx)
	ALL negb (%ebx)
	ALL mull (%ebx)
	ALL divb (%ebx)
	ALL xchgl %eax, (%ebx)
	ALL xchgb %ch, (%ebx)
	ALL lock orl $1, (%ebx)
	ALL lock btsl $5, (%ebx)
	ALL btl $5, (%ebx)
	ALL btrw $5, (%ebx)
	ALL lock btcl %eax, (%ebx)
	ALL lock cmpxchgl %ecx, (%ebx)
	ALL lock cmpxchg8b (%ebx)
	ALL lock xaddl %eax, (%ebx)
	ALL incl (%ebx)
	ALL decb (%ebx)
	I64 lock cmpxchg16b (%rdi)
	I64 testq $0x12345678, (%r8)
	I64 addq $-1, 0x1000(%rip)
	I64 lock incq %gs:(%rax)
	ALL movsb
	ALL rep movsl
	ALL rep stosw
	ALL lodsb
	ALL repne scasb
	ALL repe cmpsl
	I64 rep stosq
	I64 addr32 rep movsq
	/* Others. */
	ALL nop
	ALL nopw 0x100(%eax,%eax,1)
	ALL movw $0x1234, %ax
	ALL movl $0x12345678, %ecx
	I64 movabs $0x1122334455667788, %r10
	I64 movq $-5, %rax
	ALL pushw $0x1234
	ALL push $5
	I64 pushq $0x12345678
	I16 pushl $0x12345678
	ALL enter $0x10, $1
	ALL leave
	ALL retw $8
	ALL pushw (%ebx)
	I64 pushq (%rbx)
	I64 popq 8(%rsp)
	I64 call *(%rax)
	I64 jmp *%r11
	ALL shll $3, (%ebx)
	ALL shldl $3, %eax, (%ebx)
	ALL imull $100, (%ebx), %ecx
	ALL imulw $1000, (%ebx), %cx
	ALL imulw $10, %ax, %cx
	ALL lea 1(%eax,%ebx,2), %ecx
	ALL mov %ds, %ax
	ALL mov %ax, %es
	ALL mov (%ebx), %ss
	LEGACY les (%ebx), %eax
	LEGACY lds (%bx), %ax
	LEGACY bound %eax, (%ebx)
	ALL lss (%ebx), %eax
	ALL lgs (%ebx), %ecx
	LEGACY push %cs
	ALL push %fs
	ALL pop %gs
	LEGACY pusha
	LEGACY aam
	ALL xlat
	ALL bswap %edi
	ALL setne (%ebx)
	ALL cmovel (%ebx), %ecx
	ALL popcntl (%ebx), %eax
	ALL fldcw (%ebx)
	ALL fnstsw %ax
	ALL fwait
	ALL fxsave (%ebx)
	ALL clflush (%ebx)
	ALL mfence
	ALL movaps (%ebx), %xmm3
	ALL movdqu %xmm1, 16(%ebx)
	ALL pshufd $0x1b, (%ebx), %xmm0
	ALL psrldq $4, %xmm2
	ALL pcmpestri $4, (%ebx), %xmm1
	ALL pshufb (%ebx), %xmm1
	ALL aesenc %xmm1, %xmm2
	ALL palignr $8, (%ebx), %xmm0
	ALL movntil %eax, (%ebx)
	ALL crc32b (%ebx), %eax
	I64 wrgsbase %rax
	I64 rdfsbase %r8
	ALL rdrand %eax
	ALL rdseed %cx
	ALL xsave (%ebx)
	ALL xrstor (%ebx)
	ALL stac
	ALL clac
	/* Not known to every assembler: INT1, RDPRU, INVLPGB, TLBSYNC, far CALL and JMP to 64 bits. */
	ALL .byte 0xf1
	ALL .byte 0x0f, 0x01, 0xfd
	ALL .byte 0x0f, 0x01, 0xfe
	ALL .byte 0x0f, 0x01, 0xff
	I64 .byte 0x48, 0xff, 0x18
	I64 .byte 0x48, 0xff, 0x2d, 0x10, 0, 0, 0
	.globl insn_gas_end
insn_gas_end:
	.section .note.GNU-stack, "", @progbits
