// SPDX-License-Identifier: Apache-2.0
/* Injected events, events that are cut short, virtual and physical interrupts, NMI, GIF. */
#include "conform.h"
#include "lib/format.h"

#define ICR_LOW	 0x300u
#define ICR_SELF (1u << 18)
#define ICR_NMI	 (4u << 8)
#define VECTOR	 0x40u

FRAGMENT(event_end, "");
FRAGMENT(event_int, "int $0x31");
FRAGMENT(event_int3, "int3");
FRAGMENT(event_ud, "ud2");
FRAGMENT(event_pf, "mov $0x7ffffff000, %rax; mov (%rax), %eax");

static void inject(const char *name, uint64_t event, uint64_t next_rip)
{
	begin(event_end);
	vmcb.control.event_inj = event;
	vmcb.control.next_rip = next_rip;
	say("inject.%s:", name);
	report_run();
	report_frame(event & EVENT_HAS_ERROR);
	say(" inj=0x%lx\n", vmcb.control.event_inj);
}

/* The guest's IDT or stack is where its host gives it nothing; then the host mends it. */
static void cut_short(const char *name, const void *code, uint64_t event, bool stack)
{
	begin(code);
	if (stack) {
		vmcb.save.rsp = AREA + 0x3000;
		npt_pt[2] = 0;
	} else {
		memcpy(phys_to_virt(AREA + 0x4000), guest_idt, 4096);
		vmcb.save.idtr.base = AREA + 0x4000;
		npt_pt[4] = 0;
	}
	vmcb.control.event_inj = event;
	vmcb.control.next_rip = event ? virt_to_phys(code) : 0;
	say("cut.%s.%s:", name, stack ? "stack" : "idt");
	report_run();
	say("\n");
	npt_pt[2] = (AREA + 0x2000) | 7;
	npt_pt[4] = (AREA + 0x4000) | 7;
	vmcb.control.tlb_control = TLB_FLUSH_ALL;
	/* As software does: what was cut short goes on, but for what runs again by itself. */
	uint64_t again = vmcb.control.exit_int_info;

	if (EVENT_TYPE(again) == EVENT_TYPE_SOFT || EVENT_VECTOR(again) == 3)
		again = event;
	vmcb.control.event_inj = again & EVENT_VALID ? again : 0;
	say("resumed.%s.%s:", name, stack ? "stack" : "idt");
	report_run();
	report_frame(again & EVENT_HAS_ERROR);
	say("\n");
}

void injection(void)
{
	char name[48];

	for (unsigned v = 0; v < 32; v++) {
		if (v == 2)
			continue;
		format(name, sizeof(name), "exception%u", v);
		inject(name, EVENT(EVENT_TYPE_EXC, v), 0);
		format(name, sizeof(name), "exception%u.error", v);
		inject(name, EVENT(EVENT_TYPE_EXC, v) | EVENT_HAS_ERROR | 0x1ull << 32, 0);
	}
	inject("intr32", EVENT(EVENT_TYPE_INTR, 32), 0);
	inject("intr255", EVENT(EVENT_TYPE_INTR, 255), 0);
	inject("intr3", EVENT(EVENT_TYPE_INTR, 3), 0);
	inject("nmi", EVENT(EVENT_TYPE_NMI, 2), 0);
	inject("nmi.other_vector", EVENT(EVENT_TYPE_NMI, 77), 0);
	inject("soft", EVENT(EVENT_TYPE_SOFT, 0x31), 0);
	inject("soft.next_rip", EVENT(EVENT_TYPE_SOFT, 0x31), virt_to_phys(event_end) + 2);
	inject("int3.next_rip", EVENT(EVENT_TYPE_EXC, 3), virt_to_phys(event_end) + 1);
	inject("ud.next_rip_unused", EVENT(EVENT_TYPE_EXC, 6), virt_to_phys(event_end) + 1);
	for (unsigned stack = 0; stack < 2; stack++) {
		cut_short("intr", event_end, EVENT(EVENT_TYPE_INTR, 0x40), stack);
		cut_short("nmi", event_end, EVENT(EVENT_TYPE_NMI, 2), stack);
		cut_short("ud", event_end, EVENT(EVENT_TYPE_EXC, 6), stack);
		cut_short("gp", event_end,
			  EVENT(EVENT_TYPE_EXC, 13) | EVENT_HAS_ERROR | 0x18ull << 32, stack);
		cut_short("soft", event_end, EVENT(EVENT_TYPE_SOFT, 0x31), stack);
		cut_short("own_int", event_int, 0, stack);
		cut_short("own_int3", event_int3, 0, stack);
		cut_short("own_ud", event_ud, 0, stack);
		cut_short("own_pf", event_pf, 0, stack);
	}
	/* An exception while one is delivered: #DF, and triple fault. */
	begin(event_ud);
	guest_idt[2 * 6] = 0;
	guest_idt[2 * 6 + 1] = 0;
	say("double.ud_not_present:");
	report_run();
	report_frame(true);
	say("\n");
	begin(event_ud);
	vmcb.save.idtr.limit = 0;
	say("triple:");
	report_run();
	say("\n");
}

/* ---- interrupts ---- */

FRAGMENT(irq_end, "nop");
FRAGMENT(irq_sti, "sti; nop; nop");
FRAGMENT(irq_sti_cpuid, "sti; cpuid");
FRAGMENT(irq_ss_cpuid, "mov %ss, %eax; mov %eax, %ss; cpuid");
FRAGMENT(irq_hlt, "sti; hlt; nop");
FRAGMENT(irq_cr8, "mov $5, %eax; mov %rax, %cr8");
FRAGMENT(irq_cr8_read, "mov %cr8, %rax");
FRAGMENT(irq_iret, "mov %ss, %eax; push %rax; push %rsp; pushfq; mov %cs, %eax; push %rax; "
		   "lea 1f(%rip), %rax; push %rax; iretq; 1:");

static void virtual(const char *name, const void *code, uint64_t int_ctl, uint64_t rflags,
		    bool intercepted)
{
	begin(code);
	vmcb.control.int_ctl = int_ctl;
	vmcb.save.rflags |= rflags;
	vmcb_intercept(&vmcb, ICPT_CPUID);
	if (intercepted)
		vmcb_intercept(&vmcb, ICPT_VINTR);
	say("virq.%s%s:", name, intercepted ? ".intercepted" : "");
	report_run();
	say(" int_ctl=0x%lx if=%lu rax=0x%lx\n", vmcb.control.int_ctl, vmcb.save.rflags >> 9 & 1,
	    code == irq_cr8_read ? vmcb.save.rax : 0);
}

static void take_pending(const char *name)
{
	uint32_t before = irq_count[VECTOR], nmi = irq_count[2];

	stgi();
	__asm__ volatile("sti\n\tnop\n\tnop\n\tcli" : : : "memory");
	clgi();
	say("%s.then: interrupts=%u nmis=%u\n", name, irq_count[VECTOR] - before,
	    irq_count[2] - nmi);
}

/* An interrupt or NMI is pending while the guest starts. flags: h host IF, g guest IF, m
 * V_INTR_MASKING, i intercepted, n NMI instead */
static void physical(const char *flags)
{
	const void *code = irq_end;
	bool nmi = false;
	char name[32];

	for (const char *f = flags; *f; f++)
		nmi |= *f == 'n';
	begin(code);
	for (const char *f = flags; *f; f++) {
		if (*f == 'h')
			host_rflags |= RFLAGS_IF;
		else if (*f == 'g')
			vmcb.save.rflags |= RFLAGS_IF;
		else if (*f == 'm')
			vmcb.control.int_ctl |= V_INTR_MASKING;
		else if (*f == 'i')
			vmcb_intercept(&vmcb, nmi ? ICPT_NMI : ICPT_INTR);
	}
	format(name, sizeof(name), "irq.%s", flags);
	clgi();
	apic_write(ICR_LOW, ICR_SELF | (nmi ? ICR_NMI : VECTOR));
	say("%s:", name);
	report_run();
	say("\n");
	if (guest_vector() >= 0) /* taken by the guest: nobody has ended it */
		apic_write(0xb0, 0);
	/* And a guest that took an NMI has not returned from it. */
	__asm__ volatile("mov %%rsp, %%rax; push $0x10; push %%rax; pushfq; push $0x08; "
			 "push $1f; iretq; 1:"
			 :
			 :
			 : "rax", "memory");
	take_pending(name);
}

void interrupts(void)
{
	uint64_t irq = V_IRQ | (uint64_t)VECTOR << V_VECTOR_SHIFT, prio = 4ull << V_INTR_PRIO_SHIFT;
	static const char *const all[] = {"-",	 "h",	 "g",  "hg", "m",   "hm", "gm",
					  "hgm", "i",	 "hi", "gi", "hgi", "mi", "hmi",
					  "gmi", "hgmi", "n",  "ni", "nhi", "nm", "nmi"};

	for (unsigned i = 0; i < 2; i++) {
		virtual("if0", irq_end, irq | prio, 0, i);
		virtual("if1", irq_end, irq | prio, RFLAGS_IF, i);
		virtual("if1.masking", irq_end, irq | prio | V_INTR_MASKING, RFLAGS_IF, i);
		virtual("sti", irq_sti, irq | prio | V_INTR_MASKING, 0, i);
		virtual("tpr_above", irq_end, irq | prio | V_INTR_MASKING | 5, RFLAGS_IF, i);
		virtual("tpr_equal", irq_end, irq | prio | V_INTR_MASKING | 4, RFLAGS_IF, i);
		virtual("tpr_below", irq_end, irq | prio | V_INTR_MASKING | 3, RFLAGS_IF, i);
		virtual("ign_tpr", irq_end, irq | prio | V_INTR_MASKING | V_IGN_TPR | 15, RFLAGS_IF,
			i);
		virtual("shadow", irq_sti_cpuid, irq | prio | V_INTR_MASKING, 0, i);
		virtual("hlt", irq_hlt, irq | prio | V_INTR_MASKING, 0, i);
	}
	virtual("cr8_write", irq_cr8, V_INTR_MASKING | 2, 0, false);
	virtual("cr8_read", irq_cr8_read, V_INTR_MASKING | 7, 0, false);
	virtual("ss_shadow", irq_ss_cpuid, 0, RFLAGS_IF, false);
	begin(irq_end);
	vmcb.control.int_state = INT_SHADOW;
	vmcb.control.int_ctl = irq | prio | V_INTR_MASKING;
	vmcb.save.rflags |= RFLAGS_IF;
	say("shadow.at_vmrun:");
	report_run();
	say("\n");
	for (unsigned i = 0; i < ARRAY(all); i++)
		physical(all[i]);
}
