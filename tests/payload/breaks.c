// SPDX-License-Identifier: Apache-2.0
/*
 * Roads that once led into the Core, each tried again. The runner (tests/node/test_breaks.py)
 * starts this above the Core and, where the road exists there, on the bare machine, where it must
 * work.
 */
#include "payload.h"

#define PCI_ADDRESS 0xcf8u
#define PCI_DATA    0xcfcu
#define PAM0	    0x80000090u
#define KEYBOARD    0x64u
#define PORT_A	    0x92u
#define MSI_WINDOW  0xfee00000ul
#define CPU_PLUG    0xcd8u
#define IOAPIC	    0xfec00000ul
#define COM1_ENTRY  0x18u /* of the I/O APIC, first of two registers */
#define COM1_IER    0x3f9u
#define COM1_MCR    0x3fcu
#define TPR	    0x80u
#define SMI_EN	    0x630u
#define BIOS	    0xf0000u
#define BIOS_SMI    0xff00u	/* behind a run of NOPs: wherever its handler starts */
#define MARK	    0x21494d53u /* what our handler leaves at MARK_AT */
#define MARK_AT	    0x20000u
#define AP_SMI	    0x38000u /* SMBASE 0x30000, which nobody has moved on CPU 1 */
#define BEYOND	    BIT64(52)
#define LAUNCHES    24u
#define PATIENCE    20000000000ull /* ticks of the TSC: for what hangs */
#define CODE	    (FREE + 0x400000)
#define SEGMENT	    0x100000ul

/* In other modes than 64-bit 0x48 is DEC, and it ends at once. */
FRAGMENT_BEGIN(peek)
"xor %eax, %eax; .byte 0x48, 0x90; test %eax, %eax; jnz 1f; mov (%rsi), %rbx; "
	"1: vmmcall" FRAGMENT_END(peek);
FRAGMENT_BEGIN(push)
"push %rax; vmmcall" FRAGMENT_END(push);
FRAGMENT_BEGIN(smi_handler)
".code16; mov $0x20000, %ebx; movl $0x21494d53, (%ebx); rsm; .code64" FRAGMENT_END(smi_handler);
FRAGMENT_BEGIN(loader)
"vmmcall; mov %rax, %rbx; xor %eax, %eax; vmmcall; jmp ." FRAGMENT_END(loader);
FRAGMENT_BEGIN(zone_code)
"1: out %al, $0x80; jmp 1b" FRAGMENT_END(zone_code);
/* A kernel that turns on alignment checks, then what its CPU has. */
FRAGMENT_BEGIN(cr0_cr4)
"mov %cr0, %rax; or $0x40000, %eax; mov %rax, %cr0; mov %cr4, %rax; or %rsi, %rax; "
	"mov %rax, %cr4; mov %cr4, %rbx; vmmcall" FRAGMENT_END(cr0_cr4);

static uint8_t ap_stack[16384] __attribute__((aligned(16)));
static volatile uint64_t ap_job, ap_done;
static volatile uint64_t ap_rests;
static volatile bool ap_stop;

/* The emulator looks for it between blocks of code, not at once. */
static void ask_for_smi(void)
{
	outb(0xb2, 0x77);
	for (unsigned i = 0; i < 1000; i++)
		outb(0x80, 0);
}

/* ---- CPU 1 ---- */

static struct vmcb ap_vmcb __attribute__((aligned(4096))), ap_host __attribute__((aligned(4096)));
static struct vmcb launcher;
static uint8_t ap_hsave[4096] __attribute__((aligned(4096)));
static uint64_t ap_gpr[16];

static void copy(uint64_t to, const uint8_t *from, const uint8_t *end)
{
	memcpy(phys_to_virt(to), from, (size_t)(end - from));
}

static uint64_t describe(uint64_t at, uint64_t bytes, uint64_t measured)
{
	describe_launch(phys_to_virt(at), bytes, CODE, measured);
	return at;
}

/* Launches that succeed, until it is told to stop. */
static void ap_launches(void)
{
	struct cl_zone_info info = {.handle = 0x1000 + ap_done};
	struct cl_zone_ref ref;

	copy(CODE, zone_code, zone_code_end);
	memcpy(&ap_vmcb, &launcher, sizeof(ap_vmcb));
	ap_vmcb.control.asid = 2;
	memset(ap_gpr, 0, sizeof(ap_gpr));
	ap_gpr[RBX] = describe(FREE + 0x1000, CL_ZONE_MEMORY_MIN, SEGMENT);
	ap_gpr[RSI] = info.handle;
	svm_enter(virt_to_phys(&ap_vmcb), ap_gpr, virt_to_phys(&ap_host), RFLAGS_ONE);
	if (ap_vmcb.control.exit_code == EXIT_IOIO)
		ap_done++;
	if (!call_core(CL_OP_ZONE_INFO, &info, sizeof(info))) {
		ref.instance = info.instance;
		call_core(CL_OP_ZONE_END, &ref, sizeof(ref));
	}
}

static void ap_main(void)
{
	if (ap_job == 1) {
		ask_for_smi();
		ap_done = 1;
	} else {
		wrmsr(MSR_SVM_HSAVE_PA, virt_to_phys(ap_hsave));
		clgi();
		while (!ap_stop)
			ap_launches();
		stgi();
		ap_rests = 1;
	}
	for (;;)
		__asm__ volatile("pause");
}

static bool until(const volatile uint64_t *counter, uint64_t least)
{
	uint64_t end = rdtsc() + PATIENCE;

	while (*counter < least) {
		if (rdtsc() > end)
			return false;
		__asm__ volatile("pause");
	}
	return true;
}

static void start_ap(uint64_t job)
{
	ap_job = job;
	start_cpu_1(ap_main, ap_stack + sizeof(ap_stack));
}

/* ---- the roads ---- */

/* An address that no memory has, from a guest that claims long mode without paging. */
static void no_long_mode(void)
{
	struct cl_core_info info = {0};
	unsigned differs = 0;

	call_core(CL_OP_INFO, &info, sizeof(info));
	for (uint64_t at = info.core_base; at < info.core_base + info.core_bytes; at += 0x8000) {
		guest_reset(peek);
		vmcb.control.nested_ctl = 0;
		vmcb.save.efer = EFER_SVME | EFER_LMA;
		vmcb.save.cr0 = CR0_PE | CR0_ET | CR0_NE;
		gpr[RSI] = BEYOND + at;
		gpr[RBX] = *(volatile uint64_t *)phys_to_virt(at);
		uint64_t host_sees = gpr[RBX];

		guest_run();
		differs += gpr[RBX] != host_sees;
	}
	say("no_long_mode: differs=%u\n", differs);
}

/* A guest whose stack is the MSI window, which it may not write: it ends, and the CPU goes on. */
static void msi_stack(void)
{
	static uint64_t idt32[32];
	uint64_t handler = virt_to_phys(guest_stubs);

	for (unsigned i = 0; i < ARRAY(idt32); i++)
		idt32[i] = (handler & 0xffff) | 0x18ull << 16 | 0x8e00ull << 32 |
			   (handler >> 16) << 48;
	guest_reset(push);
	vmcb.control.nested_ctl = 0;
	vmcb.save.efer = EFER_SVME;
	vmcb.save.cr0 = CR0_PE | CR0_ET | CR0_NE;
	vmcb.save.cr4 = 0;
	vmcb.save.cs.attrib = SEG_CODE32;
	vmcb.save.idtr = (struct vmcb_seg){.limit = sizeof(idt32) - 1, .base = virt_to_phys(idt32)};
	vmcb.save.rsp = MSI_WINDOW + 0x800;
	guest_run();
	say("msi_stack: shutdown=%u\n", vmcb.control.exit_code == EXIT_SHUTDOWN);
}

/* The firmware's handler is in memory that the host may make writable, CPU 1's is just memory. */
static void smi(void)
{
	volatile uint32_t *mark = phys_to_virt(MARK_AT);

	stgi(); /* else an SMI waits */
	outl(PCI_ADDRESS, PAM0);
	outb(PCI_DATA, 0x30);
	memset(phys_to_virt(BIOS), 0x90, BIOS_SMI);
	copy(BIOS + BIOS_SMI, smi_handler, smi_handler_end);
	outl(SMI_EN, inl(SMI_EN) | 0x21);
	*mark = 0;
	ask_for_smi();
	say("smi.boot_cpu: taken=%u\n", *mark == MARK);

	*mark = 0;
	copy(AP_SMI, smi_handler, smi_handler_end);
	ap_done = 0;
	start_ap(1);
	bool done = until(&ap_done, 1);

	say("smi.other_cpu: done=%u taken=%u\n", done, *mark == MARK);
}

/* Launches that find no memory beside some that do: whose is the slot? */
static void failing_launches(void)
{
	struct cl_core_info info = {0};
	uint64_t refused = 0, first, free_before;

	call_core(CL_OP_INFO, &info, sizeof(info));
	free_before = info.pool_free;
	guest_reset(loader);
	vmcb.save.rax = CL_VMMCALL_PROTECT;
	vmcb.control.tlb_control = 0;
	vmcb_intercept(&vmcb, ICPT_IOIO);
	memcpy(&launcher, &vmcb, sizeof(launcher));
	memset(phys_to_virt(CODE), 0, SEGMENT);
	start_ap(2);
	until(&ap_done, 2);
	first = ap_done;
	for (uint64_t i = 0; i < LAUNCHES; i++) {
		memcpy(&vmcb, &launcher, sizeof(vmcb));
		gpr[RBX] = describe(FREE, CL_ZONE_MEMORY_MAX, 4096);
		gpr[RCX] = 64;
		gpr[RSI] = 0x99;
		guest_run();
		refused += gpr[RBX] == (uint64_t)-CL_ENOMEM;
	}
	bool both = until(&ap_done, first + 2);

	ap_stop = true;
	until(&ap_rests, 1);
	call_core(CL_OP_INFO, &info, sizeof(info));
	say("failing_launches: refused=%lu both=%u leaked=%u\n", refused, both,
	    info.pool_free + LAUNCHES <= free_before); /* a page or more with each */
}

/* Both bytes reach the one register there is: 0x20 does nothing there, 0xdd switches A20 off. */
static void a20(uint16_t port, uint32_t off, uint32_t on, const char *name)
{
	volatile uint64_t *even = phys_to_virt(FREE), *odd = phys_to_virt(FREE + 0x100000);

	*even = 1;
	*odd = 2;
	if (port == KEYBOARD)
		outw(port, (uint16_t)off);
	else
		outl(port, off);
	bool is_off = *odd == 1;

	if (port == KEYBOARD)
		outw(port, (uint16_t)on);
	else
		outl(port, on);
	say("%s: off=%u\n", name, is_off);
}

/* A state that the emulated CPU refuses, and the Core does not look at. */
static void invalid(void)
{
	guest_reset(peek);
	vmcb.save.efer = EFER_SVME;
	vmcb.save.cr4 = 0;
	vmcb.save.cr3 = BIT64(41);
	vmcb.save.cs.attrib = SEG_CODE32;
	guest_run();
	say("invalid: refused=%u others_rip=%u\n", (uint32_t)vmcb.control.exit_code == ~0u,
	    vmcb.save.rip != virt_to_phys(peek));
}

/* What an I/O APIC's entry names in bits 55:48 is a register of the local APIC to QEMU. */
static void ioapic_register(void)
{
	volatile uint32_t *select = phys_to_virt(IOAPIC), *window = phys_to_virt(IOAPIC + 0x10);
	volatile uint32_t *tpr = phys_to_virt(MSI_WINDOW + TPR);

	*select = COM1_ENTRY + 1;
	*window = TPR << 12;
	*select = COM1_ENTRY;
	*window = 0x40;
	outb(COM1_MCR, 0x0b);
	outb(COM1_IER, 2); /* "transmitter empty", at once */
	outb(COM1_IER, 0);
	*window = 0x10000; /* masked again */
	say("ioapic_register: written=%u\n", *tpr == 0x40);
	*tpr = 0;
}

/*
 * STI, then HLT in another region, which the Core maps at an exit of its own. An interrupt that is
 * pending ends the HLT, and does not come before it. By VMRUN alone the emulator gets that wrong.
 */
static void shadow(bool by_vmrun)
{
	static const uint8_t sti = 0xfb, hlt_vmmcall[] = {0xf4, 0x0f, 0x01, 0xd9};
	uint64_t hlt = CODE;

	memcpy(phys_to_virt(hlt - 1), &sti, 1);
	memcpy(phys_to_virt(hlt), hlt_vmmcall, sizeof(hlt_vmmcall));
	guest_reset(phys_to_virt(hlt - !by_vmrun));
	vmcb_intercept(&vmcb, ICPT_HLT);
	vmcb.control.int_ctl = V_IRQ | V_IGN_TPR | V_INTR_MASKING | 0x40ull << 32;
	if (by_vmrun) {
		vmcb.control.int_state = INT_SHADOW;
		vmcb.save.rflags |= RFLAGS_IF;
	}
	guest_run();
	const uint64_t *frame = phys_to_virt(vmcb.save.rsp);

	say("shadow.%s: before_hlt=%u\n", by_vmrun ? "vmrun" : "sti",
	    guest_vector() == 0x40 && frame[0] == hlt);
}

/* QEMU's CPU hot-plug: CPU 1 would be gone, and is wanted below. */
static void eject_cpu_1(void)
{
	outb(CPU_PLUG, 0);
	outl(CPU_PLUG, 0); /* its newer interface */
	outl(CPU_PLUG, 1);
	outb(CPU_PLUG + 4, 8);
}

static void control_registers(void)
{
	uint64_t wants = 0;

	if (cpuid(7, 0).ebx & BIT64(0)) /* FSGSBASE */
		wants |= CR4_FSGSBASE;
	if (cpuid(1, 0).ecx & BIT64(26)) /* XSAVE */
		wants |= CR4_OSXSAVE;
	guest_reset(cr0_cr4);
	gpr[RSI] = wants;
	guest_run();
	say("cr4_after_cr0: vector=%d got=%u\n", guest_vector(), (gpr[RBX] & wants) == wants);
}

void body(void)
{
	a20(KEYBOARD, 0xdd20, 0xdf20, "a20.keyboard");
	a20(PORT_A, 0x00000002, 0x02020202, "a20.port_a");
	invalid();
	ioapic_register();
	shadow(false);
	shadow(true);
	if (argument("core", 0)) {
		eject_cpu_1();
		no_long_mode();
		msi_stack();
		failing_launches();
	}
	control_registers();
	smi();
}
