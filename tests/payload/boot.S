/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small SVM program's way from a Multiboot loader to 64-bit C, its exceptions, and its VMRUN.
 * Physical memory below 4 GiB is mapped where it is.
 */
	.section .multiboot, "a", @progbits
	.balign 4
	.long	0x1badb002, 0, -0x1badb002

	.text
	.code32
	.globl	start
start:
	cli
	cld
	mov	$stack_end, %esp
	mov	16(%ebx), %edi		/* command line */
	xor	%ecx, %ecx
1:	mov	%ecx, %eax
	shl	$21, %eax
	or	$0x83, %eax
	mov	%eax, boot_pd(, %ecx, 8)
	inc	%ecx
	cmp	$2048, %ecx
	jne	1b
	movl	$boot_pd + 3, boot_pdpt
	movl	$boot_pd + 0x1000 + 3, boot_pdpt + 8
	movl	$boot_pd + 0x2000 + 3, boot_pdpt + 16
	movl	$boot_pd + 0x3000 + 3, boot_pdpt + 24
	movl	$boot_pdpt + 3, boot_pml4
	mov	$0x20, %eax
	mov	%eax, %cr4
	mov	$boot_pml4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	mov	$0x900, %eax		/* LME, NXE */
	xor	%edx, %edx
	wrmsr
	mov	$0x80010033, %eax	/* PG, WP, NE, ET, MP, PE */
	mov	%eax, %cr0
	lgdt	gdtr
	ljmp	$0x08, $1f
	.code64
1:	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	mov	%edi, %edi
	call	payload_main
2:	cli
	hlt
	jmp	2b

/*
 * int try_call(void (*f)(void *), void *arg): 0, or vector + 1 of the exception that ended f.
 */
	.globl	try_call
try_call:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, try_rsp
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
	xor	%eax, %eax
3:	movq	$0, try_rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

trap_common:	/* vector, error, rip, cs, rflags, rsp, ss */
	cmpl	$2, (%rsp)
	je	4f
	cmpl	$32, (%rsp)
	jae	4f
	mov	(%rsp), %rax
	mov	%rax, trap_vector
	mov	8(%rsp), %rax
	mov	%rax, trap_error
	mov	16(%rsp), %rax
	mov	%rax, trap_rip
	mov	%cr2, %rax
	mov	%rax, trap_cr2
	cmpq	$0, try_rsp
	je	5f
	mov	(%rsp), %eax
	inc	%eax
	mov	try_rsp, %rsp
	cld
	jmp	3b
5:	and	$~15, %rsp
	call	trap_unexpected
6:	hlt
	jmp	6b
4:	push	%rax
	push	%rcx
	mov	16(%rsp), %eax
	lock incl irq_count(, %rax, 4)
	cmp	$32, %eax
	jb	7f
	mov	$0xfee000b0, %ecx	/* end of interrupt */
	movl	$0, (%rcx)
7:	pop	%rcx
	pop	%rax
	add	$16, %rsp
	iretq

/* void svm_enter(uint64_t vmcb, uint64_t *gpr, uint64_t host_vmcb, uint64_t rflags) */
	.globl	svm_enter
svm_enter:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdx
	push	%rsi
	mov	%rdx, %rax
	vmsave	%rax
	push	%rcx
	popf
	nop
	mov	%rdi, %rax
	vmload	%rax
	mov	0x08(%rsi), %rcx
	mov	0x10(%rsi), %rdx
	mov	0x18(%rsi), %rbx
	mov	0x28(%rsi), %rbp
	mov	0x38(%rsi), %rdi
	mov	0x40(%rsi), %r8
	mov	0x48(%rsi), %r9
	mov	0x50(%rsi), %r10
	mov	0x58(%rsi), %r11
	mov	0x60(%rsi), %r12
	mov	0x68(%rsi), %r13
	mov	0x70(%rsi), %r14
	mov	0x78(%rsi), %r15
	mov	0x30(%rsi), %rsi
	vmrun	%rax
	.globl	svm_after
svm_after:
	cli
	vmsave	%rax
	push	%rsi
	mov	8(%rsp), %rsi
	mov	%rcx, 0x08(%rsi)
	mov	%rdx, 0x10(%rsi)
	mov	%rbx, 0x18(%rsi)
	mov	%rbp, 0x28(%rsi)
	mov	%rdi, 0x38(%rsi)
	mov	%r8, 0x40(%rsi)
	mov	%r9, 0x48(%rsi)
	mov	%r10, 0x50(%rsi)
	mov	%r11, 0x58(%rsi)
	mov	%r12, 0x60(%rsi)
	mov	%r13, 0x68(%rsi)
	mov	%r14, 0x70(%rsi)
	mov	%r15, 0x78(%rsi)
	pop	0x30(%rsi)
	pop	%rsi
	pop	%rax
	vmload	%rax
	cld
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

/* 16 bytes for each vector. */
	.globl	trap_stubs
	.balign 16
trap_stubs:
vector = 0
	.rept	256
	.balign 16
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
	push	$0
	.endif
	push	$vector
	jmp	trap_common
vector = vector + 1
	.endr

/* The guest's: 16 bytes for each vector; the host reads which from RIP. */
	.globl	guest_stubs
	.balign 16
guest_stubs:
	.rept	256
	.balign 16
	vmmcall
	iretq
	.endr

	.section .rodata, "a", @progbits
	.balign	8
	.globl	gdt, gdtr
gdt:	.quad	0
	.quad	0x00209b0000000000	/* 0x08: 64-bit code */
	.quad	0x00cf93000000ffff	/* 0x10: data */
	.quad	0x00cf9b000000ffff	/* 0x18: 32-bit code */
	.quad	0x0020fb0000000000	/* 0x20: 64-bit code, CPL 3 */
	.quad	0x00cff3000000ffff	/* 0x28: data, CPL 3 */
gdtr:	.short	. - gdt - 1
	.quad	gdt

	.bss
	.balign	4096
	.globl	boot_pml4
boot_pml4:
	.skip	4096
boot_pdpt:
	.skip	4096
boot_pd:
	.skip	4 * 4096
	.skip	32768
stack_end:
	.globl	trap_vector, trap_error, trap_rip, trap_cr2, irq_count
try_rsp: .skip	8
trap_vector: .skip 8
trap_error: .skip 8
trap_rip: .skip	8
trap_cr2: .skip	8
irq_count: .skip 1024
	.section .note.GNU-stack, "", @progbits
