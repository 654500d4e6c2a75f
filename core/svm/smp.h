/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several physical CPUs under one Core.
 *
 * One lock, the Core's, is held by whoever runs Core code; a CPU gives it up to enter a guest and
 * to park. So every table has one writer, and a CPU without the lock is in one of three places: in
 * a guest, parked, or waiting for the lock on its way out of a guest.
 *
 * Shoot-down: take a translation away from a table, advance the table's epoch, smp_shoot(). Each
 * CPU that runs a guest with that table and entered before the change is made to leave it, by an
 * NMI; it cannot come back before the lock is free, and then flushes first, since its epoch is old.
 */
#ifndef CORE_SVM_SMP_H
#define CORE_SVM_SMP_H

#include "svm/cpu.h"

#define CPUS_MAX 64u

/* All CPUs that the Core runs on; [0] is the one that booted. */
extern struct cpu *cpus[CPUS_MAX];
extern unsigned nr_cpus;

/* Once, for a CPU that is about to run Core code for good. */
void smp_add(struct cpu *cpu);

void core_lock(void);
void core_unlock(void);

/* The lock is given up while the guest runs: leave comes before its VMRUN, back after its exit. */
void smp_leave(struct cpu *cpu, const struct epoch *table);
void smp_back(struct cpu *cpu);

/*
 * No CPU translates by an older state of the table from the return on. The caller has advanced its
 * epoch, and holds the lock.
 */
void smp_shoot(const struct epoch *table);

/* Is that so? For assertions. */
bool smp_quiet(const struct epoch *table);

/* Make a CPU look at its requests: out of its guest, or out of its parking place. */
void smp_kick(struct cpu *cpu);
/* Make this CPU leave the guest that it enters next, at once. */
void smp_kick_self(void);

/* Wait, without the lock, until someone kicks. */
void smp_park(struct cpu *cpu);

struct cpu *smp_by_apic_id(uint32_t id); /* NULL if there is none */

/* The Core fails: no other CPU runs anything any more. Works without the lock. */
void smp_stop_others(void);

#endif
