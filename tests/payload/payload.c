// SPDX-License-Identifier: Apache-2.0
#include "lib/format.h"
#include "payload.h"

#define COM1	 0x3f8
#define APIC	 0xfee00000ull
#define SVR	 0xf0u
#define ICR	 0x300u
#define ICR_HIGH 0x310u
#define INIT	 0x4500u
#define STARTUP	 0x4600u
#define CPU_1	 1u
#define AP_PAGE	 0x10000ul
#define PAGE	 __attribute__((aligned(4096)))
#define CR4_BOOT CR4_PAE

PAGE struct vmcb vmcb;
PAGE static struct vmcb host_vmcb;
PAGE static uint8_t hsave[4096];
PAGE uint64_t npt_pml4[512], npt_pdpt[512], npt_pd[512], npt_pt[512];
PAGE uint64_t guest_pml4[512], guest_pdpt[512], guest_pd[512], guest_pt[512];
PAGE uint64_t guest_idt[512];
PAGE uint8_t iopm[3 * 4096], msrpm[2 * 4096];
PAGE uint8_t guest_stack[4096];
PAGE static uint64_t idt[512];
uint64_t gpr[16], host_rflags;

/* From real mode at AP_PAGE to ap_entry. */
FRAGMENT_BEGIN(ap_code)
".code16; cli; lgdtl %cs:(ap_gdtr - ap_code); mov $0x20, %eax; mov %eax, %cr4; "
	"mov $boot_pml4, %eax; mov %eax, %cr3; mov $0xc0000080, %ecx; mov $0x1900, %eax; "
	"xor %edx, %edx; wrmsr; mov $0x80010033, %eax; mov %eax, %cr0; "
	"ljmpl $8, $(0x10000 + ap_long - ap_code); .code64; ap_long: mov $0x10, %eax; "
	"mov %eax, %ds; mov %eax, %es; mov %eax, %ss; mov ap_stack_end, %rsp; "
	"mov ap_entry, %rax; call *%rax; .balign 8; ap_gdtr: .word 47; .long gdt" FRAGMENT_END(
		ap_code);
void (*ap_entry)(void);
void *ap_stack_end;
static const char *command_line;

void say(const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	format_v(text, sizeof(text), fmt, args);
	va_end(args);
	for (const char *c = text; *c; c++)
		outb(COM1, (uint8_t)*c);
}

void halt(void)
{
	for (;;)
		__asm__ volatile("cli\n\thlt");
}

void trap_unexpected(void)
{
	say("\npayload: FAIL exception %lu, error 0x%lx, RIP 0x%lx, CR2 0x%lx\n", trap_vector,
	    trap_error, trap_rip, trap_cr2);
	halt();
}

uint64_t argument(const char *name, uint64_t otherwise)
{
	size_t n = strlen(name);
	uint64_t value = 0;

	for (const char *at = command_line; *at; at++) {
		if (strncmp(at, name, n) || at[n] != '=' || at[n + 1] < '0' || at[n + 1] > '9')
			continue;
		for (at += n + 1; *at >= '0' && *at <= '9'; at++)
			value = value * 10 + (uint64_t)(*at - '0');
		return value;
	}
	return otherwise;
}

static void make_idt(uint64_t *table, const uint8_t *stubs)
{
	for (uint64_t i = 0; i < 256; i++) {
		uint64_t at = (uint64_t)(uintptr_t)stubs + 16 * i;

		table[2 * i] = (at & 0xffff) | 0x08ull << 16 | 0x8e00ull << 32 | (at >> 16) << 48;
		table[2 * i + 1] = at >> 32;
	}
}

void apic_write(uint32_t reg, uint32_t value)
{
	*(volatile uint32_t *)(uintptr_t)(APIC + reg) = value;
}

int64_t call_core(uint32_t op, const void *arg, uint64_t size)
{
	int64_t r = op;

	__asm__ volatile("outl %%eax, %%dx"
			 : "+a"(r)
			 : "b"(arg), "c"(size), "d"((uint64_t)CL_CALL_PORT)
			 : "memory");
	return r;
}

void start_cpu_1(void (*entry)(void), void *stack_end)
{
	ap_entry = entry;
	ap_stack_end = stack_end;
	memcpy(phys_to_virt(AP_PAGE), ap_code, (size_t)(ap_code_end - ap_code));
	apic_write(ICR_HIGH, CPU_1 << 24);
	apic_write(ICR, INIT);
	apic_write(ICR_HIGH, CPU_1 << 24);
	apic_write(ICR, STARTUP | AP_PAGE >> 12);
}

void describe_launch(struct cl_launch_desc *d, uint64_t memory, uint64_t rip, uint64_t measured)
{
	memset(d, 0, sizeof(*d));
	d->magic = CL_DESC_MAGIC;
	d->version = CL_LAUNCH_VERSION;
	d->vcpus = 1;
	d->memory_bytes = memory;
	d->entry_rip = rip;
	d->nr_segs = 1;
	d->seg[0] = (struct cl_launch_seg){rip, measured};
}

bool svm_on(void)
{
	if (!(cpuid(0x80000001, 0).ecx & BIT64(2)))
		return false;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_SVM_HSAVE_PA, virt_to_phys(hsave));
	/* Interrupts of the machine that the BIOS left on: none. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	apic_write(SVR, 0x1ff);
	return true;
}

/* The first 1 GiB as it is, 2 MiB pages, but for AREA, which is in 4 KiB pages. */
void guest_tables(uint64_t *pml4, uint64_t *pdpt, uint64_t *pd, uint64_t *pt)
{
	uint64_t flags = PTE_P | PTE_W | PTE_U;

	memset(pml4, 0, 4096);
	memset(pdpt, 0, 4096);
	for (uint64_t i = 0; i < 512; i++) {
		pd[i] = i << 21 | flags | PTE_PS;
		pt[i] = (AREA + (i << 12)) | flags;
	}
	pml4[0] = virt_to_phys(pdpt) | flags;
	pdpt[0] = virt_to_phys(pd) | flags;
	pd[AREA_INDEX] = virt_to_phys(pt) | flags;
}

void guest_reset(const void *code)
{
	struct vmcb_save *s = &vmcb.save;
	struct vmcb_seg data = {.selector = 0x10, .attrib = SEG_DATA32, .limit = 0xffffffff};

	memset(&vmcb, 0, sizeof(vmcb));
	memset(gpr, 0, sizeof(gpr));
	memset(iopm, 0xff, sizeof(iopm));
	memset(msrpm, 0xff, sizeof(msrpm));
	memset(guest_stack, 0, sizeof(guest_stack));
	host_rflags = RFLAGS_ONE;
	guest_tables(guest_pml4, guest_pdpt, guest_pd, guest_pt);
	guest_tables(npt_pml4, npt_pdpt, npt_pd, npt_pt);
	make_idt(guest_idt, guest_stubs);
	vmcb_intercept(&vmcb, ICPT_VMRUN);
	vmcb_intercept(&vmcb, ICPT_VMMCALL);
	vmcb_intercept(&vmcb, ICPT_SHUTDOWN);
	vmcb.control.iopm_pa = virt_to_phys(iopm);
	vmcb.control.msrpm_pa = virt_to_phys(msrpm);
	vmcb.control.asid = 1;
	vmcb.control.tlb_control = TLB_FLUSH_ALL;
	vmcb.control.nested_ctl = NESTED_NP_ENABLE;
	vmcb.control.ncr3 = virt_to_phys(npt_pml4);
	s->cs = (struct vmcb_seg){.selector = 0x08, .attrib = SEG_CODE64, .limit = 0xffffffff};
	s->ds = s->es = s->ss = s->fs = s->gs = data;
	s->tr = (struct vmcb_seg){.attrib = SEG_TSS, .limit = 0x67};
	s->ldtr = (struct vmcb_seg){.attrib = SEG_LDT};
	s->gdtr = (struct vmcb_seg){.limit = sizeof(gdt) - 1, .base = virt_to_phys(gdt)};
	s->idtr = (struct vmcb_seg){.limit = 4095, .base = virt_to_phys(guest_idt)};
	s->efer = EFER_SVME | EFER_LME | EFER_LMA | EFER_NXE;
	s->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	s->cr3 = virt_to_phys(guest_pml4);
	s->cr4 = CR4_BOOT;
	s->dr6 = DR6_INIT;
	s->dr7 = DR7_INIT;
	s->rflags = GUEST_RFLAGS;
	s->rip = virt_to_phys(code);
	s->rsp = virt_to_phys(guest_stack) + sizeof(guest_stack);
	s->g_pat = PAT_INIT;
}

static struct {
	struct vmcb *vmcb;
	uint64_t *gpr, rflags;
} next;

static void enter(void *arg)
{
	svm_enter(virt_to_phys(next.vmcb), next.gpr, virt_to_phys(&host_vmcb), next.rflags);
}

int guest_run(void)
{
	return run_vmcb(&vmcb, gpr, host_rflags);
}

int run_vmcb(struct vmcb *v, uint64_t *regs, uint64_t rflags)
{
	next.vmcb = v;
	next.gpr = regs;
	next.rflags = rflags;
	clgi();
	int trap = try_call(enter, NULL);

	if (trap) /* VMRUN itself: the guest's TR and FS are loaded */
		__asm__ volatile("vmload %0" : : "a"(&host_vmcb) : "memory");
	return trap;
}

int guest_vector(void)
{
	uint64_t at = vmcb.save.rip - virt_to_phys(guest_stubs);

	return at < 256 * 16 ? (int)(at / 16) : -1;
}

void payload_main(const char *cmdline)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr = {sizeof(idt) - 1, virt_to_phys(idt)};

	command_line = cmdline;
	make_idt(idt, trap_stubs);
	__asm__ volatile("lidt %0" : : "m"(idtr));
	say("payload: up\n");
	if (!svm_on())
		say("payload: FAIL no SVM\n");
	else
		body();
	say("payload: done\n");
	halt();
}
