// SPDX-License-Identifier: Apache-2.0
// The 64-bit part of a kernel of a few hundred bytes (lib/images.py puts a bzImage header before
// it): a zone that is up in seconds. The first letter of its command line says how it goes on.

#define BOOT_CMDLINE 0x228 // boot_params: address of the command line
#define ARGUMENT     0x2000000 // somewhere behind the kernel
#define A_WHILE	     0x2       // 2^33 ticks of the TSC: `cloister run` sees the zone live
#define COM1	     0x3f8
#define CORE_PORT    0xc1f
#define OP_EXIT	     0x435a0202

	.text
	.code64
	.globl tiny
tiny:	movl BOOT_CMDLINE(%rsi), %ebp
	leaq hello(%rip), %rsi
	movw $COM1, %dx
1:	lodsb
	testb %al, %al
	jz 2f
	outb %al, %dx
	jmp 1b
2:	movb (%rbp), %al
	cmpb $'h', %al
	je 3f
	cmpb $'w', %al
	je work
	movb %al, %bl
	rdtsc
	movl %edx, %edi
	addl $A_WHILE, %edi
5:	pause
	rdtsc
	cmpl %edi, %edx
	jb 5b
	movb %bl, %al
	cmpb $'e', %al // ends well
	je exit
	cmpb $'f', %al // fails
	je exit
	cmpb $'t', %al
	je triple
	cmpb $'r', %al
	je reset
3:	cli
	hlt
	jmp 3b

exit:	xorl %ecx, %ecx
	cmpb $'f', %al
	jne 4f
	movb $3, %cl
4:	movl %ecx, ARGUMENT
	movl $0, ARGUMENT + 4
	movl $ARGUMENT, %ebx
	movl $8, %ecx
	movl $CORE_PORT, %edx
	movl $OP_EXIT, %eax
	outl %eax, %dx
	jmp 3b

triple:	pushq $0
	pushq $0
	lidt (%rsp)
	ud2

reset:	movb $0xfe, %al // the keyboard controller's reset line
	outb %al, $0x64
	jmp 3b

// Touch 4 MiB again and again.
work:	movl $ARGUMENT, %edi
	movl $0x80000, %ecx
	movabsq $0x434c4f4953544552, %rax
	rep stosq
	jmp work

hello:	.asciz "tiny: up\r\n"
	.section .note.GNU-stack, "", @progbits
