// SPDX-License-Identifier: Apache-2.0
/*
 * A host that uses its local APICs in x2APIC mode (or, with x2apic=0, in xAPIC mode): starts CPU 1,
 * interrupts it, launches zones while it runs, and tries what a host may not do. Linux would not
 * use the mode here, as it wants an IOMMU of its own for it. With core=1 it is above the Core.
 */
#include "payload.h"

#define BASE_X2APIC BIT64(10)
#define WINDOW	    0xfee00000ull
#define ID	    0x20u
#define EOI	    0xb0u
#define SVR	    0xf0u
#define ICR	    0x300u
#define ICR_HIGH    0x310u
#define LVT_THERMAL 0x330u
#define MSR_OF(reg) (MSR_X2APIC_FIRST + (reg) / 16)
#define ASSERT_BIT  0x4000u
#define MODE(m)	    ((m) << 8 | ASSERT_BIT)
#define SMI	    2u
#define RESERVED    3u
#define NMI	    4u
#define INIT	    5u
#define STARTUP	    6u
#define TO_SELF	    0x40000u
#define TO_OTHERS   0xc0000u
#define VECTOR	    0x40u
#define CPU_1	    1u
#define ROUNDS	    100u
#define LAUNCHES    10u
#define PATIENCE    10000000000ull /* ticks of the TSC: seconds, while other CPUs have their turn */

/* Where CPU 1 starts, in real mode; and what it counts. */
#define AP_PAGE	 0x10000u
#define AP_READY (*(volatile uint32_t *)0x11000u)
#define AP_IRQS	 (*(volatile uint32_t *)0x11004u)
#define AP_NMIS	 (*(volatile uint32_t *)0x11008u)
#define AP_MODE	 (*(volatile uint32_t *)0x1100cu)

/*
 * CPU 1: its APIC as AP_MODE wants it, handlers for VECTOR and NMI in the real-mode table, and then
 * it waits. DS is 0x1000, so what it counts is at 0x1000 and beyond.
 */
FRAGMENT_BEGIN(ap_code)
".code16; cli; cld; mov $0x1000, %ax; mov %ax, %ds; xor %ax, %ax; mov %ax, %es; mov %ax, %ss; "
	"mov $0x7000, %sp; mov %cs, %dx; "
	"movw $(ap_irq - ap_code), %es:0x100; mov %dx, %es:0x102; "
	"movw $(ap_nmi - ap_code), %es:0x8; mov %dx, %es:0xa; "
	"cmpl $0, 0x100c; je 1f; "
	"mov $0x1b, %ecx; rdmsr; or $0x400, %eax; wrmsr; "
	"mov $0x80f, %ecx; mov $0x1ff, %eax; xor %edx, %edx; wrmsr; jmp 2f; "
	"1: mov $0xfee000f0, %ebx; movl $0x1ff, %eax; call ap_mmio; "
	"2: incl 0x1000; sti; 3: hlt; jmp 3b; "
	"ap_irq: push %eax; push %ebx; push %ecx; push %edx; incl 0x1004; xor %eax, %eax; "
	"xor %edx, %edx; cmpl $0, 0x100c; je 4f; mov $0x80b, %ecx; wrmsr; jmp 5f; "
	"4: mov $0xfee000b0, %ebx; call ap_mmio; "
	"5: pop %edx; pop %ecx; pop %ebx; pop %eax; iret; "
	"ap_nmi: incl 0x1008; iret; "
	/* Real mode ends at 1 MiB: a moment with large segments, in protected mode. EBX, EAX. */
	"ap_mmio: push %fs; pushf; cli; lgdtl %cs:(ap_gdtr - ap_code); mov %cr0, %ecx; "
	"or $1, %cl; mov %ecx, %cr0; mov $8, %dx; mov %dx, %fs; and $0xfe, %cl; mov %ecx, %cr0; "
	"movl %eax, %fs:(%ebx); popf; pop %fs; ret; "
	".balign 8; ap_gdt: .quad 0, 0x00cf93000000ffff; "
	"ap_gdtr: .word 15; .long 0x10000 + ap_gdt - ap_code; .code64" FRAGMENT_END(ap_code);

/* The guest that becomes a zone, and the zone. */
FRAGMENT_BEGIN(loader)
"vmmcall; mov %rax, %rbx; xor %eax, %eax; vmmcall; jmp ." FRAGMENT_END(loader);
FRAGMENT_BEGIN(zone_code)
"1: out %al, $0x80; jmp 1b" FRAGMENT_END(zone_code);

#define DESC ((struct cl_launch_desc *)phys_to_virt(FREE))
#define CODE (FREE + 0x1000)

static bool x2, above_core;

static void result(const char *name, uint64_t value)
{
	say("%s: %lu\n", name, value);
}

static uint32_t get(uint32_t reg)
{
	return x2 ? (uint32_t)rdmsr(MSR_OF(reg)) : *(volatile uint32_t *)(WINDOW + reg);
}

static void put(uint32_t reg, uint32_t value)
{
	if (x2)
		wrmsr(MSR_OF(reg), value);
	else
		apic_write(reg, value);
}

static void command(uint32_t dest, uint32_t value)
{
	if (x2) {
		wrmsr(MSR_OF(ICR), (uint64_t)dest << 32 | value);
		return;
	}
	apic_write(ICR_HIGH, dest << 24);
	apic_write(ICR, value);
}

static bool reaches(const volatile uint32_t *counter, uint32_t value)
{
	uint64_t end = rdtsc() + PATIENCE;

	while (*counter < value) {
		if (rdtsc() > end)
			return false;
		__asm__ volatile("pause");
	}
	return true;
}

static void change_base(void *value)
{
	wrmsr(MSR_APIC_BASE, *(const uint64_t *)value);
}

/* vector + 1 of the exception that the write had, or 0. */
static uint64_t try_base(uint64_t value)
{
	return (uint64_t)try_call(change_base, &value);
}

static bool start_ap(void)
{
	memset((void *)AP_PAGE, 0, 0x2000);
	memcpy((void *)AP_PAGE, ap_code, (size_t)(ap_code_end - ap_code));
	AP_MODE = x2;
	command(CPU_1, MODE(INIT));
	command(CPU_1, MODE(STARTUP) | AP_PAGE >> 12);
	return reaches(&AP_READY, 1);
}

static uint32_t interrupts(uint32_t rounds)
{
	uint32_t n = AP_IRQS, first = n;

	while (n - first < rounds) {
		command(CPU_1, MODE(0u) | VECTOR);
		if (!reaches(&AP_IRQS, ++n))
			break;
	}
	return AP_IRQS - first;
}

static uint32_t nmis(uint32_t rounds)
{
	uint32_t n = AP_NMIS, first = n;

	while (n - first < rounds) {
		command(CPU_1, MODE(NMI));
		if (!reaches(&AP_NMIS, ++n))
			break;
	}
	return AP_NMIS - first;
}

static uint32_t self_interrupts(void)
{
	uint32_t before = irq_count[VECTOR];

	__asm__ volatile("sti" : : : "memory");
	command(0, MODE(0u) | VECTOR | TO_SELF);
	reaches(&irq_count[VECTOR], before + 1);
	__asm__ volatile("cli" : : : "memory");
	return irq_count[VECTOR] - before;
}

/* Each claim of a page takes it out of the host's table, and CPU 1 off its translations. */
static uint64_t launches(void)
{
	uint64_t done = 0;

	for (unsigned i = 0; i < LAUNCHES; i++) {
		struct cl_zone_info info = {.handle = 0x1000 + i};
		struct cl_zone_ref ref;

		describe_launch(DESC, CL_ZONE_MEMORY_MIN, CODE, 4096);
		memset(phys_to_virt(CODE), 0, 4096);
		memcpy(phys_to_virt(CODE), zone_code, (size_t)(zone_code_end - zone_code));
		guest_reset(loader);
		vmcb.save.rax = CL_VMMCALL_PROTECT;
		vmcb_intercept(&vmcb, ICPT_IOIO);
		gpr[RBX] = FREE;
		gpr[RSI] = info.handle;
		guest_run();
		stgi();
		done += vmcb.control.exit_code == EXIT_IOIO &&
			!call_core(CL_OP_ZONE_INFO, &info, sizeof(info)) &&
			info.state == CL_ZONE_LIVE && interrupts(1) == 1;
		ref.instance = info.instance;
		call_core(CL_OP_ZONE_END, &ref, sizeof(ref));
	}
	return done;
}

static uint64_t refusals(void)
{
	struct cl_core_info info = {0};

	call_core(CL_OP_INFO, &info, sizeof(info));
	return info.refused;
}

static void forbidden(void)
{
	uint64_t before = refusals();

	command(CPU_1, MODE(SMI));
	command(CPU_1, MODE(RESERVED));
	command(0, MODE(SMI) | TO_OTHERS);
	put(LVT_THERMAL, SMI << 8);
	result("refused.registers", refusals() - before);
	if (!x2)
		return;
	/* The window is no APIC any more, but a device's write there is an MSI. */
	before = refusals();
	apic_write(ICR, MODE(INIT) | TO_OTHERS);
	apic_write(0x1000, MODE(INIT)); /* an MSI to CPU 1 */
	result("refused.window", refusals() - before);
}

void body(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	x2 = argument("x2apic", 1);
	above_core = argument("core", 0);
	result("cpuid.x2apic", cpuid(1, 0).ecx >> 21 & 1);
	if (x2)
		result("base.enable", try_base(base | BASE_X2APIC));
	result("base.mode", rdmsr(MSR_APIC_BASE) >> 10 & 3);
	put(SVR, 0x1ff);
	result("id", x2 ? get(ID) : get(ID) >> 24);
	result("self", self_interrupts());
	put(EOI, 0);
	result("start", start_ap());
	result("ipi", interrupts(ROUNDS));
	result("nmi", nmis(ROUNDS));
	if (above_core) {
		result("launches", launches());
		forbidden();
		result("base.back", x2 ? try_base(base) : 14);
		result("base.off", try_base(base & ~BIT64(11)));
		result("base.moved", try_base(rdmsr(MSR_APIC_BASE) + 0x100000));
	}
	result("ipi.after", interrupts(ROUNDS));
	result("start.again", start_ap());
	result("ipi.again", interrupts(1));
}
