// SPDX-License-Identifier: Apache-2.0
#include "cpu/msr.h"
#include "lib/log.h"
#include "svm/apic.h"
#include "svm/assist.h"
#include "svm/event.h"
#include "svm/host.h"
#include "svm/smp.h"
#include "svm/walk.h"

/* AMD APM vol. 2, chapter 16. An x2APIC register is the MSR 0x800 + offset / 16. */
#define APIC_BASE_DEFAULT 0xfee00000ull
#define APIC_BASE_X2APIC  BIT64(10)
#define APIC_BASE_ENABLE  BIT64(11)
#define MSI_WINDOW_SIZE	  0x100000ull
#define APIC_ID		  0x20u
#define TASK_PRIORITY	  0x80u
#define ICR_LOW		  0x300u
#define ICR_HIGH	  0x310u
#define ICR_MODE(v)	  (((v) >> 8) & 7)
#define ICR_LOGICAL	  BIT64(11)
#define ICR_PENDING	  BIT64(12)
#define ICR_ASSERT	  BIT64(14)
#define ICR_LEVEL	  BIT64(15)
#define ICR_SHORTHAND(v)  (((v) >> 18) & 3)
#define ICR_OF_MODE(m)	  ((uint32_t)(m) << 8 | (uint32_t)ICR_ASSERT)
#define LVT_CMCI	  0x2f0u
#define LVT_FIRST	  0x320u
#define LVT_LAST	  0x370u
#define LVT_EXT_FIRST	  0x500u /* AMD's own */
#define LVT_EXT_LAST	  0x530u
#define MSR_OF(offset)	  (MSR_X2APIC_FIRST + (offset) / 16)
#define MODE_FIXED	  0u
#define MODE_LOWEST	  1u
#define MODE_NMI	  4u
#define MODE_INIT	  5u
#define MODE_STARTUP	  6u
#define MODE_EXTINT	  7u
#define SHORTHAND_SELF	  1u
#define SHORTHAND_ALL	  2u
#define SHORTHAND_OTHERS  3u
#define XAPIC_ALL	  0xffu

static uint64_t base;

void apic_init(void)
{
	base = rdmsr(MSR_APIC_BASE) & PTE_ADDR;
	if (base != APIC_BASE_DEFAULT)
		panic("local APIC at 0x%lx, not at its default address", base);
}

bool apic_is_page(uint64_t pa)
{
	return pa >= base && pa - base < MSI_WINDOW_SIZE;
}

bool apic_in_region(uint64_t pa)
{
	return ALIGN_DOWN(pa, NPT_SIZE(NPT_2M)) == ALIGN_DOWN(base, NPT_SIZE(NPT_2M));
}

static volatile uint32_t *reg(uint32_t offset)
{
	return phys_to_virt(base + offset);
}

static bool x2apic(void)
{
	return rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC;
}

uint32_t apic_id(void)
{
	return x2apic() ? (uint32_t)rdmsr(MSR_OF(APIC_ID)) : *reg(APIC_ID) >> 24;
}

static void wait_idle(void)
{
	while (*reg(ICR_LOW) & ICR_PENDING)
		__asm__ volatile("pause");
}

void apic_look_again(void)
{
	if (x2apic())
		wrmsr(MSR_OF(TASK_PRIORITY), rdmsr(MSR_OF(TASK_PRIORITY)));
	else
		*reg(TASK_PRIORITY) = *reg(TASK_PRIORITY);
}

/* The host may be between its own two writes: it finds the high half as it left it. */
static void send(uint32_t id, uint32_t low)
{
	if (x2apic()) {
		wrmsr(MSR_OF(ICR_LOW), (uint64_t)id << 32 | low);
		return;
	}
	uint32_t high = *reg(ICR_HIGH);

	wait_idle();
	*reg(ICR_HIGH) = id << 24;
	*reg(ICR_LOW) = low;
	wait_idle();
	*reg(ICR_HIGH) = high;
}

void apic_send_nmi(uint32_t id)
{
	send(id, ICR_OF_MODE(MODE_NMI));
}

void apic_send_init(uint32_t id)
{
	send(id, ICR_OF_MODE(MODE_INIT));
}

void apic_send_startup(uint32_t id, uint8_t vector)
{
	send(id, ICR_OF_MODE(MODE_STARTUP) | vector);
}

/* INIT or start-up for one CPU or several: the Core plays it. False if it may not be. */
static bool play(uint32_t command, uint32_t dest, bool all)
{
	unsigned shorthand = ICR_SHORTHAND(command);
	bool startup = ICR_MODE(command) == MODE_STARTUP, ok = true, any = false;

	if (!startup && (command & ICR_LEVEL) && !(command & ICR_ASSERT))
		return true; /* INIT de-assert: of no effect since the Pentium 4 and K8 */
	if (shorthand == SHORTHAND_SELF || (!shorthand && (command & ICR_LOGICAL)))
		return false;
	for (unsigned i = 0; i < nr_cpus; i++) {
		struct cpu *to = cpus[i];

		if (shorthand == SHORTHAND_OTHERS || (!shorthand && all)) {
			if (to == this_cpu())
				continue;
		} else if (!shorthand && to->apic_id != dest) {
			continue;
		}
		any = true;
		ok &= startup ? host_send_startup(to, (uint8_t)command) : host_send_init(to);
	}
	return any && ok;
}

/* May this command go to the hardware? What the Core plays itself has been done by then. */
static bool icr_passes(uint32_t command, uint32_t dest, bool all)
{
	unsigned mode = ICR_MODE(command);

	if (mode == MODE_FIXED || mode == MODE_LOWEST || mode == MODE_NMI)
		return true;
	if ((mode == MODE_INIT || mode == MODE_STARTUP) && play(command, dest, all))
		return false;
	log_warn("host: CPU %u: interrupt command 0x%x to 0x%x refused", this_cpu()->id, command,
		 dest);
	refused_total++;
	return false;
}

/* A local vector may be an interrupt or NMI; SMI and INIT are not the host's to raise. */
static bool lvt_allowed(uint32_t v)
{
	unsigned mode = ICR_MODE(v);

	return mode == MODE_FIXED || mode == MODE_NMI || mode == MODE_EXTINT;
}

/* Does a write of the host reach the hardware? */
static bool write_passes(uint32_t offset, uint64_t value, uint32_t dest, bool all)
{
	if (offset == ICR_LOW)
		return icr_passes((uint32_t)value, dest, all);
	bool lvt = offset == LVT_CMCI || (offset >= LVT_FIRST && offset <= LVT_LAST) ||
		   (offset >= LVT_EXT_FIRST && offset <= LVT_EXT_LAST);

	/* The Core finds the CPUs by the IDs that they had at boot. */
	if (offset > APIC_ID && (!lvt || lvt_allowed((uint32_t)value)))
		return true;
	log_warn("host: CPU %u: write of 0x%lx to local APIC register 0x%x refused", this_cpu()->id,
		 value, offset);
	refused_total++;
	return false;
}

void apic_host_write(struct cpu *cpu, uint64_t gpa)
{
	struct vmcb *v = cpu->host_vmcb;
	struct space space;
	unsigned size;
	uint64_t stored;

	space_host(&space, &v->save);
	if (assist_store(v, &space, cpu->gpr, gpa, &size, &stored)) {
		log_warn("host: write to the local APIC at RIP 0x%lx not understood", v->save.rip);
		refused_total++;
		event_inject_exception(v, VEC_GP, true, 0);
		return;
	}
	uint32_t value = (uint32_t)stored;
	uint64_t offset = gpa - base;

	/*
	 * Registers stand at multiples of 16. Other offsets alias them in QEMU's APIC, and its
	 * first 16 bytes are an MSI to CPU 0; so is the rest of the window.
	 */
	if (x2apic() || size != 4 || offset >= PAGE_SIZE || (offset & 15)) {
		log_warn("host: write of 0x%x to 0x%lx refused", value, gpa);
		refused_total++;
		return;
	}
	uint32_t dest = *reg(ICR_HIGH) >> 24;

	if (write_passes((uint32_t)offset, value, dest, dest == XAPIC_ALL))
		*reg((uint32_t)offset) = value;
}

int apic_host_msr_write(uint32_t msr, uint64_t value)
{
	if (!x2apic())
		return -CL_EPERM;
	uint32_t dest = (uint32_t)(value >> 32);

	if (!write_passes((msr - MSR_X2APIC_FIRST) * 16, value, dest, dest == ~0u))
		return 0;
	return wrmsr_safe(msr, value) ? -CL_EINVAL : 0;
}

uint64_t apic_base_msr(void)
{
	return rdmsr(MSR_APIC_BASE);
}

int apic_base_write(uint64_t value)
{
	uint64_t now = rdmsr(MSR_APIC_BASE);

	/* The address stays, and so does the APIC; x2APIC mode may come, by one write, for good. */
	if (value == now)
		return 0;
	if (value != (now | APIC_BASE_X2APIC) || !(now & APIC_BASE_ENABLE) ||
	    !(cpuid(1, 0).ecx & BIT64(21)))
		return -CL_EPERM;
	wrmsr(MSR_APIC_BASE, value);
	return 0;
}
