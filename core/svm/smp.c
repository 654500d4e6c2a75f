// SPDX-License-Identifier: Apache-2.0
#include "cpu/desc.h"
#include "cpu/master_key.h"
#include "lib/log.h"
#include "svm/apic.h"
#include "svm/smp.h"

#define STOP_SPINS 10000000u /* how long a CPU may take to leave its guest when the Core fails */

struct cpu *cpus[CPUS_MAX];
unsigned nr_cpus;

static uint32_t next_ticket, serving; /* of the lock: who waits longest has it next */
static bool stopping;

static void halt(void)
{
	master_key_wipe();
	for (;;)
		__asm__ volatile("clgi\n\tcli\n\thlt");
}

void smp_add(struct cpu *cpu)
{
	ASSERT(nr_cpus < CPUS_MAX);
	cpus[nr_cpus++] = cpu;
}

void core_lock(void)
{
	uint32_t ticket = __atomic_fetch_add(&next_ticket, 1, __ATOMIC_SEQ_CST);

	while (__atomic_load_n(&serving, __ATOMIC_SEQ_CST) != ticket) {
		if (__atomic_load_n(&stopping, __ATOMIC_RELAXED))
			halt();
		__asm__ volatile("pause");
	}
	if (__atomic_load_n(&stopping, __ATOMIC_RELAXED))
		halt();
}

void core_unlock(void)
{
	__atomic_store_n(&serving, serving + 1, __ATOMIC_SEQ_CST);
}

static bool in_guest(const struct cpu *cpu)
{
	return __atomic_load_n(&cpu->in_guest, __ATOMIC_SEQ_CST);
}

void smp_leave(struct cpu *cpu, const struct epoch *table)
{
	cpu->table = table;
	cpu->entered = table->changed;
	__atomic_store_n(&cpu->in_guest, true, __ATOMIC_SEQ_CST);
	core_unlock();
}

void smp_back(struct cpu *cpu)
{
	__atomic_store_n(&cpu->in_guest, false, __ATOMIC_SEQ_CST);
	core_lock();
}

static bool behind(const struct cpu *cpu, const struct epoch *table)
{
	return in_guest(cpu) && cpu->table == table && cpu->entered != table->changed;
}

bool smp_quiet(const struct epoch *table)
{
	for (unsigned i = 0; i < nr_cpus; i++) {
		if (behind(cpus[i], table))
			return false;
	}
	return true;
}

void smp_shoot(const struct epoch *table)
{
	for (unsigned i = 0; i < nr_cpus; i++) {
		if (behind(cpus[i], table))
			smp_kick(cpus[i]);
	}
	while (!smp_quiet(table))
		__asm__ volatile("pause");
}

/* One NMI under way is enough: NMIs are not counted by the CPU, only here. */
static void send_kick(struct cpu *cpu)
{
	if (cpu->kicks_sent != __atomic_load_n(&cpu->kicks_taken, __ATOMIC_SEQ_CST))
		return;
	cpu->kicks_sent++;
	apic_send_nmi(cpu->apic_id);
}

void smp_kick(struct cpu *cpu)
{
	__atomic_store_n(&cpu->wake, true, __ATOMIC_SEQ_CST);
	if (cpu != this_cpu())
		send_kick(cpu);
}

void smp_kick_self(void)
{
	send_kick(this_cpu());
}

void smp_park(struct cpu *cpu)
{
	core_unlock();
	cpu_wait(&cpu->wake);
	core_lock();
	cpu->wake = false;
}

struct cpu *smp_by_apic_id(uint32_t id)
{
	for (unsigned i = 0; i < nr_cpus; i++) {
		if (cpus[i]->apic_id == id)
			return cpus[i];
	}
	return NULL;
}

void smp_stop_others(void)
{
	bool left = true;

	if (__atomic_exchange_n(&stopping, true, __ATOMIC_SEQ_CST))
		halt(); /* another CPU fails at the same time, and was first */
	for (unsigned i = 0; i < nr_cpus; i++) {
		if (cpus[i] != this_cpu())
			apic_send_nmi(cpus[i]->apic_id);
	}
	for (unsigned spins = 0; left && spins < STOP_SPINS; spins++) {
		left = false;
		for (unsigned i = 0; i < nr_cpus; i++)
			left |= cpus[i] != this_cpu() && in_guest(cpus[i]);
		__asm__ volatile("pause");
	}
}
