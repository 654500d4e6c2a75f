/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry of all 256 vectors. Each stub pushes its number (and a zero where the CPU pushes no error
 * code), so that the stack holds a struct exception_frame (desc.c). Stubs are 16 bytes apart.
 */
	.text
	.code64
	.globl	exception_stubs
	.balign	16
exception_stubs:
	vector = 0
	.rept	256
	.balign	16
	/* AMD APM vol. 2, table 8-1: these push an error code. */
	.if	(vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || \
		(vector == 21) || (vector == 29) || (vector == 30)
	.else
	push	$0
	.endif
	push	$vector
	jmp	exception_common
	vector = vector + 1
	.endr

	.balign	16
exception_common:
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi	/* 22 words on an aligned IST stack: RSP is aligned to 16 */
	call	exception
	/* Only an NMI comes back, and #GP of rdmsr_safe and wrmsr_safe. */
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	iretq

/*
 * void cpu_wait(const bool *wake): sleep until an NMI, unless *wake is set already. An NMI that
 * comes between the look and HLT must not be slept through: exception() sees RIP in here and goes
 * on behind the HLT.
 */
	.globl	cpu_wait, cpu_wait_end
	.balign	16
cpu_wait:
	cmpb	$0, (%rdi)
	jne	1f
	stgi
	hlt
cpu_wait_end:
	clgi
1:	ret

/* int wrmsr_safe(uint32_t msr, uint64_t value): -1 if the CPU answers #GP, by exception(). */
	.globl	wrmsr_safe, wrmsr_safe_insn, msr_refused
	.balign	16
wrmsr_safe:
	mov	%edi, %ecx
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
wrmsr_safe_insn:
	wrmsr
	xor	%eax, %eax
	ret
msr_refused:
	mov	$-1, %eax
	ret

/* int rdmsr_safe(uint32_t msr, uint64_t *value): the same. */
	.globl	rdmsr_safe, rdmsr_safe_insn
	.balign	16
rdmsr_safe:
	mov	%edi, %ecx
rdmsr_safe_insn:
	rdmsr
	mov	%eax, (%rsi)
	mov	%edx, 4(%rsi)
	xor	%eax, %eax
	ret

	.section .note.GNU-stack, "", @progbits
