// SPDX-License-Identifier: Apache-2.0
/*
 * svm/smp.c as its header promises: model/shootdown.pml shows that the real one keeps it. The other
 * CPU is in a guest, with any table, or it waits for the lock.
 */
#include "model.h"
#include "svm/smp.h"
#include "zone/vcpu.h"

struct cpu *cpus[CPUS_MAX] = {&this_one, &other_one};
unsigned nr_cpus = MODEL_CPUS;

unsigned seen_table, seen_addr;
uint64_t seen;
bool device_uses_seen;

const struct epoch *epoch_of(unsigned table)
{
	if (table == HOSTS_TABLE)
		return &host_epoch;
	if (table >= SHADOW_TABLE)
		return &guest_epoch;
	return &zone_at((table - PRIVATE_TABLE) % ZONES)->epoch;
}

/* It entered before the operation began, so its translations are of that time. */
bool other_uses_seen(void)
{
	return seen && other_one.in_guest && other_one.table == epoch_of(seen_table) &&
	       seen_table != SHADOW_TABLE; /* which is this CPU's */
}

bool still_reached(uint64_t pfn)
{
	return seen && (seen & PTE_ADDR) >> PAGE_SHIFT == pfn &&
	       (other_uses_seen() || device_uses_seen);
}

static bool behind(const struct epoch *table)
{
	return other_one.in_guest && other_one.table == table &&
	       other_one.entered != table->changed;
}

void smp_shoot(const struct epoch *table)
{
	if (behind(table))
		other_one.in_guest = false;
}

bool smp_quiet(const struct epoch *table)
{
	return !behind(table);
}

void smp_kick(struct cpu *cpu)
{
}

void smp_stop_others(void)
{
}

void core_lock(void)
{
}

void core_unlock(void)
{
}

/* As in vcpu.c, which is too large for here. */
void vcpu_drop_view(struct zone_vcpu *vcpu)
{
	npt_clear(&vcpu->view, 0, (1u << (zone_cbit() - 39)) - 1, frame_uncount_shadow);
	epoch_advance(&vcpu->zone->epoch);
}
