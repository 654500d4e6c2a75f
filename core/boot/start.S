/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry from a Multiboot (0.6.96) or Multiboot2 (2.0) loader: 32-bit protected mode, paging off,
 * flat segments, EAX = magic, EBX = information. Nothing else is assumed. Goes to long mode with
 * a first map of 4 GiB and calls boot_main(magic, info).
 */
#include "boot/multiboot.h"

#define CR0_PE		0x00000001
#define CR0_MP		0x00000002
#define CR0_EM		0x00000004
#define CR0_TS		0x00000008
#define CR0_NE		0x00000020
#define CR0_WP		0x00010000
#define CR0_NW		0x20000000
#define CR0_CD		0x40000000
#define CR0_PG		0x80000000
#define CR4_PAE		0x20
#define EFER		0xc0000080
#define EFER_LME_NXE	0x900
#define CPUID_NX_LM	0x20100000	/* leaf 0x80000001, EDX bits 20 and 29 */
#define PTE_P_RW	0x003
#define PTE_P_RW_2M	0x083
#define STACK_SIZE	32768

	.section .multiboot, "a", @progbits
	.balign	8
mb2_header:
	.long	MB2_HEADER_MAGIC
	.long	0			/* i386 */
	.long	mb2_header_end - mb2_header
	.long	-(MB2_HEADER_MAGIC + (mb2_header_end - mb2_header))
	/* The Core cannot boot without these. */
	.balign	8
	.short	1, 0			/* information request */
	.long	20
	.long	MB2_TAG_CMDLINE, MB2_TAG_MODULE, MB2_TAG_MMAP
	.balign	8
	.short	6, 0			/* modules on page boundaries */
	.long	8
	.balign	8
	.short	3, 0			/* entry */
	.long	12
	.long	start
	.balign	8
	.short	0, 0			/* end */
	.long	8
mb2_header_end:

	.balign	4
	.long	MB1_HEADER_MAGIC
	.long	MB1_HEADER_ALIGN_MODS | MB1_HEADER_MEMORY_INFO
	.long	-(MB1_HEADER_MAGIC + (MB1_HEADER_ALIGN_MODS | MB1_HEADER_MEMORY_INFO))

	.text
	.code32
	.globl	start
start:
	cli
	cld
	mov	$boot_stack_top, %esp
	mov	%eax, %ebp
	mov	%ebx, %edi

	/* A CPU without CPUID cannot set EFLAGS.ID (bit 21). */
	pushf
	pop	%eax
	mov	%eax, %ecx
	xor	$0x200000, %eax
	push	%eax
	popf
	pushf
	pop	%eax
	cmp	%ecx, %eax
	je	no_long_mode
	mov	$0x80000000, %eax
	cpuid
	cmp	$0x80000001, %eax
	jb	no_long_mode
	mov	$0x80000001, %eax
	cpuid
	and	$CPUID_NX_LM, %edx
	cmp	$CPUID_NX_LM, %edx
	jne	no_long_mode

	/* First map: 4 GiB in 2 MiB pages; paging.c makes the real one. */
	xor	%ecx, %ecx
1:	mov	%ecx, %eax
	shl	$21, %eax
	or	$PTE_P_RW_2M, %eax
	mov	%eax, boot_pd(, %ecx, 8)
	movl	$0, boot_pd + 4(, %ecx, 8)
	inc	%ecx
	cmp	$2048, %ecx
	jne	1b
	movl	$boot_pd + PTE_P_RW, boot_pdpt
	movl	$boot_pd + 0x1000 + PTE_P_RW, boot_pdpt + 8
	movl	$boot_pd + 0x2000 + PTE_P_RW, boot_pdpt + 16
	movl	$boot_pd + 0x3000 + PTE_P_RW, boot_pdpt + 24
	movl	$boot_pdpt + PTE_P_RW, boot_pml4

	call	long_mode_on
	lgdt	boot_gdtr
	ljmp	$0x08, $start64

/* Paging by the first map, in compatibility mode. Changes EAX, ECX, EDX. */
	.globl	long_mode_on
long_mode_on:
	mov	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$boot_pml4, %eax
	mov	%eax, %cr3
	mov	$EFER, %ecx
	rdmsr
	or	$EFER_LME_NXE, %eax
	wrmsr
	mov	%cr0, %eax
	and	$~(CR0_EM | CR0_TS | CR0_NW | CR0_CD), %eax
	or	$(CR0_PE | CR0_MP | CR0_NE | CR0_WP | CR0_PG), %eax
	mov	%eax, %cr0
	ret

	/* Say so on the screen (if there is text) and on COM1, and stop. */
no_long_mode:
	mov	$no_long_mode_text, %esi
	mov	$0xb8000, %edi
	mov	$0x4f, %ah		/* white on red */
2:	lodsb
	test	%al, %al
	jz	3f
	stosw
	mov	$0x3f8, %dx
	out	%al, %dx
	mov	$0x10000, %ecx		/* long enough for one character to leave */
	loop	.
	jmp	2b
3:	hlt
	jmp	3b

	.code64
start64:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$boot_stack_top, %rsp
	mov	%edi, %esi
	mov	%ebp, %edi
	xor	%ebp, %ebp
	call	boot_main
	ud2

	.section .rodata, "a", @progbits
no_long_mode_text:
	.asciz	"cloister: this CPU has no 64-bit long mode with no-execute pages; halted. "
	.balign	8
	.globl	boot_gdt, boot_gdt_limit
boot_gdt:
	.quad	0
	.quad	0x00209b0000000000	/* 0x08: 64-bit code */
	.quad	0x00cf93000000ffff	/* 0x10: data */
	.quad	0x00cf9b000000ffff	/* 0x18: 32-bit code, for ap.S */
	boot_gdt_limit = . - boot_gdt - 1
boot_gdtr:
	.short	boot_gdt_limit
	.long	boot_gdt

	.bss
	.balign	4096
boot_pml4:
	.skip	4096
boot_pdpt:
	.skip	4096
boot_pd:
	.skip	4 * 4096
	/* The page below the stack is left unmapped (paging.c). */
	.globl	boot_stack_guard, boot_stack_top
boot_stack_guard:
	.skip	4096
	.skip	STACK_SIZE
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
