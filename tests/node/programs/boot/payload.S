// SPDX-License-Identifier: Apache-2.0
// A host of a few hundred bytes, as a Multiboot kernel: it looks for the Core where its command
// line says ("core=HEX"), tries to change it, talks to the Core's log port, and reports on COM1.

#define COM1 0x3f8
#define E9   0xe9

	.section .multiboot, "a"
	.balign 4
	.long 0x1badb002, 0, -0x1badb002

	.text
	.code32
	.globl payload
payload:
	movl $stack_end, %esp
	movl %eax, %ebp
	movl %ebx, %edi
	movl $hello, %esi
	call puts
	cmpl $0x2badb002, %ebp
	jne stop
	movl 16(%edi), %esi // command line
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
5:	// Eight words of the first page, of the second, and of one far behind.
	movl $before, %esi
	call look
	// Fill the first two pages.
	movl %ebx, %edi
	movl $0x5eadbeef, %eax
	movl $2048, %ecx
	rep stosl
	movl $after, %esi
	call look
	movl $forged, %esi
	movw $E9, %dx
6:	lodsb
	testb %al, %al
	jz 7f
	outb %al, %dx
	jmp 6b
7:	movl $port, %esi
	call puts
	movw $E9, %dx
	xorl %eax, %eax
	inb %dx, %al
	call hex
	movl $done, %esi
	call puts
stop:	cli
	hlt
	jmp stop

look:	call puts
	movl %ebx, %esi
	call words
	leal 0x1000(%ebx), %esi
	call words
	leal 0x1000000(%ebx), %esi
words:	movl $8, %ecx
8:	lodsl
	call hex
	loop 8b
	ret

puts:	movw $COM1, %dx
9:	lodsb
	testb %al, %al
	jz 10f
	outb %al, %dx
	jmp 9b
10:	ret

hex:	pushal
	movl %eax, %ebx
	movl $8, %ecx
	movw $COM1, %dx
	movb $' ', %al
	outb %al, %dx
11:	roll $4, %ebx
	movl %ebx, %eax
	andl $15, %eax
	movb digits(%eax), %al
	outb %al, %dx
	loop 11b
	popal
	ret

	.section .rodata
digits:	.ascii "0123456789abcdef"
hello:	.asciz "payload: up\n"
before:	.asciz "payload: before"
after:	.asciz "\npayload: after"
port:	.asciz "\npayload: port"
done:	.asciz "\npayload: done\n"
forged:	.asciz "a line that the host forged\n"
	.bss
	.balign 16
	.skip 4096
stack_end:
	.section .note.GNU-stack, "", @progbits
