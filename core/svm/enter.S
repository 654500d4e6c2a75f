/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place where the Core enters a guest: AMD APM vol. 2, sections 15.5 and 15.6.
 *
 *   void svm_enter(uint64_t pa, uint64_t *gpr, uint64_t core_pa, bool host_if)
 *                  rdi          rsi            rdx               ecx
 *
 * GIF is 0 in the Core and here, so RFLAGS.IF may be set without an interrupt being taken: VMRUN
 * saves it, and under V_INTR_MASKING it decides about physical interrupts. After the exit VMSAVE
 * and VMLOAD bring TR, FS and GS of the Core back before anything can fault.
 */
	.text
	.globl svm_enter
	.type svm_enter, @function
svm_enter:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdx
	push	%rsi
	test	%ecx, %ecx
	jz	1f
	sti
	nop			/* QEMU takes STI's shadow into the guest without it */
1:	mov	%rdi, %rax
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
	/* Nothing of the guest stays in registers that the Core's C code might spill. */
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	cld
	ret
	.size svm_enter, . - svm_enter
	.section .note.GNU-stack, "", @progbits
