// SPDX-License-Identifier: Apache-2.0
/*
 * INIT and start-up interrupts between the host's CPUs. No such interrupt is ever sent to a CPU:
 * the real one would put it outside the Core. What the host sees is AMD APM vol. 2, section 14.1.
 */
#include "cpu/msr.h"
#include "lib/log.h"
#include "lib/string.h"
#include "svm/fpu.h"
#include "svm/host.h"
#include "svm/smp.h"
#include "zone/vcpu.h"

#define CR0_AFTER_INIT CR0_ET

bool host_send_init(struct cpu *to)
{
	/* The first CPU would go to the firmware's reset code. */
	if (to == cpus[0] || to == this_cpu())
		return false;
	to->init_pending = true;
	to->startup_pending = false;
	smp_kick(to);
	return true;
}

bool host_send_startup(struct cpu *to, uint8_t vector)
{
	if (to->run != RUN_WAIT && !to->init_pending)
		return true; /* a CPU that runs takes no notice */
	to->startup_pending = true;
	to->startup_vector = vector;
	smp_kick(to);
	return true;
}

void host_take_init(struct cpu *cpu)
{
	cpu->init_pending = false;
	if (cpu->run == RUN_ZONE)
		vcpu_leave(cpu);
	cpu->vcpu = NULL;
	cpu->run = RUN_WAIT;
}

static void start(struct cpu *cpu)
{
	struct vmcb *v = cpu->host_vmcb;
	struct vmcb_save *s = &v->save;
	struct vmcb_seg data = {.attrib = SEG_DATA16, .limit = 0xffff};
	uint64_t pat = s->g_pat ? s->g_pat : PAT_INIT;

	memset(s, 0, sizeof(*s));
	s->cs = (struct vmcb_seg){.selector = (uint16_t)(cpu->startup_vector << 8),
				  .attrib = SEG_CODE16,
				  .limit = 0xffff,
				  .base = (uint64_t)cpu->startup_vector << PAGE_SHIFT};
	s->ds = s->es = s->ss = s->fs = s->gs = data;
	s->gdtr.limit = s->idtr.limit = 0xffff;
	s->tr = (struct vmcb_seg){.attrib = SEG_TSS, .limit = 0xffff};
	s->ldtr = (struct vmcb_seg){.attrib = SEG_LDT, .limit = 0xffff};
	s->cr0 = CR0_AFTER_INIT;
	s->efer = EFER_SVME;
	s->dr6 = DR6_INIT;
	s->dr7 = DR7_INIT;
	cpu->debug = (struct debug_regs){.dr7 = DR7_INIT};
	s->rflags = RFLAGS_ONE;
	s->g_pat = pat;
	memset(cpu->gpr, 0, sizeof(cpu->gpr));
	cpu->gpr[RDX] = cpuid(1, 0).eax;
	v->control.int_state = 0;
	v->control.event_inj = 0;
	vmcb_no_intercept(v, ICPT_IRET);
	cpu->nmi_pending = cpu->nmi_masked = false;
	cpu->host_svme = false;
	memset(cpu->skip, 0, sizeof(cpu->skip));
	host_set_gif(cpu, true);
	xsetbv(0, 1);
	cpu->run = RUN_HOST;
	log_debug("host: CPU %u starts at 0x%lx", cpu->id, s->cs.base);
}

void host_wait_startup(struct cpu *cpu)
{
	if (!cpu->startup_pending) {
		smp_park(cpu);
		return;
	}
	cpu->startup_pending = false;
	start(cpu);
}
