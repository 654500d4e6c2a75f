// SPDX-License-Identifier: Apache-2.0
// Entry from a multiboot loader: 32-bit protected mode, paging off, interrupts off. Brings up
// 64-bit mode on an identity map and calls loader_main(magic, info). Interrupts stay off.

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0x3 // modules page aligned; memory map wanted

#define CR0_PG		0x80000000
#define CR4_PAE		0x20
#define MSR_EFER	0xc0000080
#define EFER_LME	0x100
#define PTE_TABLE	0x3  // present, writable
#define PTE_2MIB	0x83 // present, writable, page size

	.section .multiboot, "a"
	.balign 4
	.long MULTIBOOT_MAGIC
	.long MULTIBOOT_FLAGS
	.long -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

	.section .text
	.code32
	.globl loader_entry
loader_entry:
	cli
	cld
	movl $loader_stack_end, %esp
	movl %eax, %ebp

	// PML4[0] -> loader_pdpt; PDPT[0..3] -> loader_pd[0..3]; 2048 pages of 2 MiB. The upper
	// halves of the entries are zero already (bss).
	movl $loader_pdpt + PTE_TABLE, loader_pml4
	movl $loader_pd + PTE_TABLE, %eax
	xorl %ecx, %ecx
1:	movl %eax, loader_pdpt(, %ecx, 8)
	addl $4096, %eax
	incl %ecx
	cmpl $4, %ecx
	jne 1b
	movl $PTE_2MIB, %eax
	xorl %ecx, %ecx
2:	movl %eax, loader_pd(, %ecx, 8)
	addl $0x200000, %eax
	incl %ecx
	cmpl $2048, %ecx
	jne 2b

	// AMD APM vol. 2, section 14.6: PAE, CR3, EFER.LME, then PG.
	movl %cr4, %eax
	orl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $loader_pml4, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME, %eax
	wrmsr
	movl %cr0, %eax
	orl $CR0_PG, %eax
	movl %eax, %cr0
	lgdt loader_gdtr
	ljmp $0x08, $loader_entry64

	.code64
loader_entry64:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	movl %ebp, %edi // multiboot magic
	movl %ebx, %esi // multiboot information
	xorl %ebp, %ebp
	call loader_main
3:	hlt
	jmp 3b

	// int64_t loader_protect(desc, window_pages, idle_ms, handle): see cloister/call.h. Returns
	// only when there is no zone. Registers that the call does not name are cleared: they are
	// no one's business.
	.globl loader_protect
loader_protect:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rdi, %rbx
	movq %rcx, %rax
	movl %esi, %ecx
	// RDX is the third argument already.
	movq %rax, %rsi
	movl $0x435a0001, %eax // CL_VMMCALL_PROTECT
	xorl %edi, %edi
	xorl %ebp, %ebp
	xorl %r8d, %r8d
	xorl %r9d, %r9d
	xorl %r10d, %r10d
	xorl %r11d, %r11d
	xorl %r12d, %r12d
	xorl %r13d, %r13d
	xorl %r14d, %r14d
	xorl %r15d, %r15d
	.globl loader_vmmcall
loader_vmmcall:
	vmmcall
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	// Any exception is the end; loader_exception() says where.
	.globl loader_trap
loader_trap:
	movq (%rsp), %rdi // RIP, or the error code of an exception that has one
	andq $-16, %rsp
	call loader_exception
4:	hlt
	jmp 4b

	.section .rodata
	.balign 8
loader_gdt:
	.quad 0
	.quad 0x00af9b000000ffff // 0x08: 64-bit code, CPL 0
	.quad 0x00cf93000000ffff // 0x10: data
loader_gdtr:
	.word . - loader_gdt - 1
	.long loader_gdt
	.long 0

	.section .bss
	.balign 4096
	.globl loader_pdpt
loader_pml4:
	.skip 4096
loader_pdpt:
	.skip 4096
loader_pd:
	.skip 4 * 4096
loader_stack:
	.skip 16384
loader_stack_end:

	.section .note.GNU-stack, "", @progbits
