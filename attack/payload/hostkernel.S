// SPDX-License-Identifier: Apache-2.0
// A hostile host kernel of a few hundred bytes (Multiboot): VMSAVE, VMLOAD and VMRUN at addresses
// of its choice. Its command line says where ("core=HEX"): 64 pages from there on. It tells on COM1
// how many of these instructions did not fault. A marker in KERNEL_GS_BASE shows from outside where
// VMSAVE has written (VMCB offset 0x620).

#define COM1	 0x3f8
#define PAGES	 64
#define MARKER	 0x5eadbeef
#define EFER	 0xc0000080
#define SVME	 0x1000
#define HSAVE_PA 0xc0010117
#define KERNEL_GS 0xc0000102

	.section .multiboot, "a"
	.balign 4
	.long 0x1badb002, 0, -0x1badb002

	.text
	.code32
	.globl payload
payload:
	cli
	movl $stack_end, %esp
	movl 16(%ebx), %esi // command line
1:	cmpb $0, (%esi)
	je stop
	cmpl $0x65726f63, (%esi) // "core"
	je 2f
	incl %esi
	jmp 1b
2:	addl $5, %esi
	xorl %ebx, %ebx
3:	movzbl (%esi), %eax
	incl %esi
	cmpb $'0', %al
	jb 5f
	cmpb $'9', %al
	jbe 4f
	subb $39, %al
4:	subb $'0', %al
	shll $4, %ebx
	addl %eax, %ebx
	jmp 3b
5:	lgdt gdtr
	ljmp $8, $6f
6:	movl $16, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	// All exceptions that we cause have their instruction's length in %ebp; #GP pushes a code.
	movl $13, %ecx
	movl $gp, %eax
	call gate
	movl $6, %ecx
	movl $ud, %eax
	call gate
	lidt idtr
	movl $EFER, %ecx
	rdmsr
	orl $SVME, %eax
	wrmsr
	movl $HSAVE_PA, %ecx
	xorl %edx, %edx
	movl $hsave, %eax
	wrmsr
	movl $KERNEL_GS, %ecx
	movl $MARKER, %eax
	movl $MARKER, %edx
	wrmsr
	movl $3, %ebp
	// Its own page first: the instruction works at all.
	xorl %edi, %edi
	movl $own, %eax
	vmsave
	movl $own_is, %esi
	call told
	cmpl $MARKER, own + 0x620
	jne stop

	xorl %edi, %edi
	movl %ebx, %eax
	movl $PAGES, %ecx
7:	vmsave
	addl $4096, %eax
	loop 7b
	movl $vmsave_is, %esi
	call told

	xorl %edi, %edi
	movl %ebx, %eax
	movl $PAGES, %ecx
8:	vmload
	addl $4096, %eax
	loop 8b
	movl $vmload_is, %esi
	call told

	// VMRUN of what is no VMCB exits at once with VMEXIT_INVALID where it is not refused: into the
	// VMCB, at 0x70, all ones. (That exit changes no register but EAX, which it brings back.)
	xorl %edi, %edi
	movl %ebx, %eax
	movl $PAGES, %ecx
9:	vmrun
	clgi
	addl $4096, %eax
	loop 9b
	movl $vmrun_is, %esi
	call told
	movl $done, %esi
	call puts
stop:	cli
	hlt
	jmp stop

gate:	movl %eax, idt(, %ecx, 8)
	movw $8, idt + 2(, %ecx, 8)
	movl %eax, idt + 4(, %ecx, 8)
	movw $0x8e00, idt + 4(, %ecx, 8)
	ret

gp:	addl $4, %esp
ud:	addl %ebp, (%esp)
	incl %edi
	iret

told:	call puts
	movl %edi, %eax
	call hex
	movl $newline, %esi
puts:	pushl %edx
	movw $COM1, %dx
10:	lodsb
	testb %al, %al
	jz 11f
	outb %al, %dx
	jmp 10b
11:	popl %edx
	ret

hex:	pushal
	movl %eax, %ebx
	movl $8, %ecx
	movw $COM1, %dx
12:	roll $4, %ebx
	movl %ebx, %eax
	andl $15, %eax
	movb digits(%eax), %al
	outb %al, %dx
	loop 12b
	popal
	ret

	.section .rodata
digits:	.ascii "0123456789abcdef"
own_is:	.asciz "faults own "
vmsave_is: .asciz "faults vmsave "
vmload_is: .asciz "faults vmload "
vmrun_is: .asciz "faults vmrun "
newline: .asciz "\n"
done:	.asciz "done\n"
	.data
	.balign 8
gdt:	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr:	.word . - gdt - 1
	.long gdt
idtr:	.word 256 * 8 - 1
	.long idt
	.bss
	.balign 4096
own:	.skip 4096
hsave:	.skip 4096
idt:	.skip 4096
	.skip 8192
stack_end:
	.section .note.GNU-stack, "", @progbits
