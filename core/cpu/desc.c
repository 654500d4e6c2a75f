// SPDX-License-Identifier: Apache-2.0
/* GDT, TSS, IDT and FS base of a CPU, and what happens on an exception. */
#include "cpu/desc.h"
#include "cpu/msr.h"
#include "lib/log.h"
#include "lib/string.h"

#define VECTOR_NMI	     2
#define VECTOR_DOUBLE_FAULT  8
#define VECTOR_GP	     13
#define VECTOR_MACHINE_CHECK 18

/* AMD APM vol. 2, figure 4-24. */
struct idt_gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t ist;
	uint8_t type;
	uint16_t offset_mid;
	uint32_t offset_high;
	uint32_t reserved;
};
_Static_assert(sizeof(struct idt_gate) == 16, "IDT gate layout");

/* What exception.S leaves on the stack. */
struct exception_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

struct table_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

#define GATE_INTERRUPT 0x8e /* present, DPL 0, 64-bit interrupt gate */

#define GDT_CODE64     0x00209b0000000000ull /* present, accessed, DPL 0, L = 1 */
#define GDT_DATA       0x0000930000000000ull /* present, accessed, DPL 0, writable */
#define GDT_TSS	       0x0000890000000000ull /* present, DPL 0, available 64-bit TSS */

extern const uint8_t exception_stubs[256][16];
extern const uint8_t cpu_wait_end[], rdmsr_safe_insn[], wrmsr_safe_insn[], msr_refused[];
void exception(struct exception_frame *f);
void __stack_chk_fail(void) __attribute__((noreturn));

static struct idt_gate idt[256];
static void (*nmi_handler)(void);

void cpu_set_nmi_handler(void (*nmi_received)(void))
{
	nmi_handler = nmi_received;
}

void exception(struct exception_frame *f)
{
	if (f->vector == VECTOR_NMI) {
		if (nmi_handler)
			nmi_handler();
		if (f->rip >= (uint64_t)(uintptr_t)cpu_wait && f->rip < virt_to_phys(cpu_wait_end))
			f->rip = virt_to_phys(cpu_wait_end);
		return;
	}

	if (f->vector == VECTOR_GP &&
	    (f->rip == virt_to_phys(rdmsr_safe_insn) || f->rip == virt_to_phys(wrmsr_safe_insn))) {
		f->rip = virt_to_phys(msr_refused);
		return;
	}

	uint64_t cr2 = read_cr2();

	panic_scrub();
	log_err("exception %lu, error %lx, rip %016lx, cs %lx, rflags %lx", f->vector, f->error,
		f->rip, f->cs, f->rflags);
	log_err("rsp %016lx ss %lx cr2 %016lx cr3 %016lx", f->rsp, f->ss, cr2, read_cr3());
	log_err("rax %016lx rbx %016lx rcx %016lx rdx %016lx", f->rax, f->rbx, f->rcx, f->rdx);
	log_err("rsi %016lx rdi %016lx rbp %016lx r8  %016lx", f->rsi, f->rdi, f->rbp, f->r8);
	log_err("r9  %016lx r10 %016lx r11 %016lx r12 %016lx", f->r9, f->r10, f->r11, f->r12);
	log_err("r13 %016lx r14 %016lx r15 %016lx", f->r13, f->r14, f->r15);
	panic(f->vector == VECTOR_MACHINE_CHECK ? "machine check" : "exception in the Core");
}

/* Called by libbearssl, which Debian builds with stack protection. */
void __stack_chk_fail(void)
{
	panic("stack overwritten");
}

static void idt_fill(void)
{
	for (unsigned int v = 0; v < 256; v++) {
		uint64_t stub = virt_to_phys(exception_stubs[v]);

		idt[v] = (struct idt_gate){
			.offset_low = (uint16_t)stub,
			.selector = SEL_CODE64,
			.ist = v == VECTOR_NMI		   ? IST_NMI
			       : v == VECTOR_DOUBLE_FAULT  ? IST_DOUBLE_FAULT
			       : v == VECTOR_MACHINE_CHECK ? IST_MACHINE_CHECK
							   : IST_FAULT,
			.type = GATE_INTERRUPT,
			.offset_mid = (uint16_t)(stub >> 16),
			.offset_high = (uint32_t)(stub >> 32),
		};
	}
}

static uint64_t make_canary(void)
{
	uint64_t v = 0;

	if (cpuid(1, 0).ecx & BIT64(30))
		for (int tries = 0; tries < 10 && !rdrand64(&v); tries++)
			;
	/* The low byte is zero, so that a string copy cannot carry the canary along. */
	return (v ^ rdtsc() * 0x9e3779b97f4a7c15ull) & ~0xffull;
}

void cpu_desc_init(struct cpu_desc *d)
{
	uint64_t tss = virt_to_phys(&d->tss);

	if (!idt[0].type)
		idt_fill();

	memset(d, 0, sizeof(*d));
	d->gdt[SEL_CODE64 / 8] = GDT_CODE64;
	d->gdt[SEL_DATA / 8] = GDT_DATA;
	/* AMD APM vol. 2, section 4.8.3: the base in three pieces. */
	d->gdt[SEL_TSS / 8] =
		GDT_TSS | (sizeof(d->tss) - 1) | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
	d->gdt[SEL_TSS / 8 + 1] = tss >> 32;
	d->tss.iomap_base = sizeof(d->tss);
	for (int i = 0; i < IST_COUNT; i++)
		d->tss.ist[i] = virt_to_phys(d->stack[i]) + IST_STACK_SIZE;
	d->tls.canary = make_canary();

	struct table_register gdtr = {sizeof(d->gdt) - 1, virt_to_phys(d->gdt)};
	struct table_register idtr = {sizeof(idt) - 1, virt_to_phys(idt)};

	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\tmovl %2, %%eax\n\t"
			 "movl %%eax, %%ds\n\t"
			 "movl %%eax, %%es\n\t"
			 "movl %%eax, %%ss\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "movl %%eax, %%fs\n\t" /* clears FS and GS base as well */
			 "movl %%eax, %%gs\n\t"
			 "movl %3, %%eax\n\t"
			 "ltr %%ax\n\t"
			 "lidt %4"
			 :
			 : "m"(gdtr), "i"(SEL_CODE64), "i"(SEL_DATA), "i"(SEL_TSS), "m"(idtr)
			 : "rax", "memory", "cc");
	wrmsr(MSR_FS_BASE, virt_to_phys(&d->tls));
}
