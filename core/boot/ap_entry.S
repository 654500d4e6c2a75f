/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where every CPU but the first begins: in real mode, by a start-up interrupt (AMD APM vol. 2,
 * section 16.5). ap.c copies ap_trampoline to a page below 1 MiB; from there it goes to the Core's
 * image and on as the first CPU did.
 */
	.section .rodata, "a", @progbits
	.code16
	.globl	ap_trampoline, ap_trampoline_end
	.balign	16
ap_trampoline:
	cli
	cld
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	ap_gdtr - ap_trampoline
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$0x18, $ap_start32
	.balign	4
ap_gdtr:
	.short	boot_gdt_limit
	.long	boot_gdt
ap_trampoline_end:

	.text
	.code32
ap_start32:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	ap_stack, %esp
	call	long_mode_on
	ljmp	$0x08, $ap_start64

	.code64
ap_start64:
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	ap_stack(%rip), %rsp
	mov	ap_number(%rip), %edi
	xor	%ebp, %ebp
	call	cpu_main
	ud2

	.section .note.GNU-stack, "", @progbits
