// SPDX-License-Identifier: Apache-2.0
/*
 * The shoot-down protocol of core/svm/smp.c, with core/svm/cpu.c's NMI handler and cpu_wait of
 * core/cpu/exception.S: CPUs with one lock, one table with one epoch, NMIs that coalesce and take
 * their time. Names are those of the C sources. A statement here is one access to memory there, but
 * for what only the holder of the lock touches.
 *
 * Shown (scripts/model starts spin with these, for all interleavings, CPUS = 2):
 *   safety   when smp_shoot returns, no CPU runs a guest with a translation that has gone; one
 *            CPU at a time has the lock; no deadlock; the host never gets an NMI that was a kick
 *            (given ≤ foreign), and loses one only if it came while another was pending
 *   out      a CPU that was kicked leaves its guest or its parking place (weak fairness)
 *   shoot    smp_shoot returns
 *
 * Every FAULT_ is a mistake that must be found.
 */
#ifndef CPUS
#define CPUS 3
#endif
#ifndef EPOCHS
#define EPOCHS 2 /* shoot-downs in all */
#endif
#ifndef FOREIGN
#define FOREIGN 1 /* NMIs that are not kicks: of devices, of the host */
#endif
#ifndef REQUESTS
#define REQUESTS 1 /* kicks for another reason: INIT, start-up */
#endif

/* Shared memory of the Core. */
bit locked;
byte changed;	       /* host_epoch.changed */
byte seen[CPUS];       /* cpu->host_seen.flushed */
byte entered[CPUS];    /* cpu->entered */
bit in_guest[CPUS];    /* cpu->in_guest */
bit wake[CPUS];	       /* cpu->wake */
/* Only compared, and at most one apart: a bit does for each counter. */
bit kicks_sent[CPUS]; /* cpu->kicks_sent */
bit kicks_taken[CPUS];

/* The hardware. */
byte tlb[CPUS];	     /* oldest state of the table that the TLB may hold */
bit running[CPUS];   /* between VMRUN and #VMEXIT */
bit asleep[CPUS];    /* in HLT */
byte inflight[CPUS]; /* NMIs sent, not yet arrived */
bit nmi[CPUS];	     /* pending at the CPU: one bit */

/* Ghosts. */
bit shooting; /* the epoch has been advanced, smp_shoot has not returned */
byte holders, foreign, given, requests;
bit owed[CPUS]; /* kicked, and not yet out */

inline core_lock()
{
	atomic { !locked -> locked = 1; holders++; assert(holders == 1) }
}

inline core_unlock()
{
	atomic { holders--; locked = 0 }
}

/* nmi_received() of cpu.c, where GIF lets an NMI in. */
inline take_nmi(me)
{
	if
	:: nmi[me] ->
	   nmi[me] = 0;
	   sent = kicks_sent[me];
	   if
	   :: sent != kicks_taken[me] -> kicks_taken[me] = sent
	   :: else -> given++; assert(given <= foreign)
	   fi;
	   sent = 0
	:: !nmi[me]
	fi
}

inline smp_kick(cpu)
{
	wake[cpu] = 1;
	if
	:: cpu == me || kicks_sent[cpu] != kicks_taken[cpu]
	:: else ->
		kicks_sent[cpu] = !kicks_sent[cpu];
#ifndef FAULT_KICK_WITHOUT_NMI
		inflight[cpu]++
#endif
	fi
}

#define behind(i) (in_guest[i] && entered[i] != changed)

inline smp_shoot()
{
	i = 0;
	do
	:: i < CPUS ->
		if
		:: behind(i) ->
#ifndef FAULT_NO_KICK
			smp_kick(i)
#else
			skip
#endif
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0;
	do
	:: atomic { i < CPUS && !behind(i) -> i++ }
	:: i == CPUS -> break
	od
}

/* No CPU translates by an older state: what frame_claim relies on when it goes on. */
inline assert_quiet()
{
	atomic {
		i = 0;
		do
		:: i < CPUS ->
			assert(!(running[i] && tlb[i] != changed));
			i++
		:: else -> break
		od;
		i = 0
	}
}

/* Nobody looks at entered while in_guest is 0: forgetting it only saves states. */
inline leave_guest()
{
	atomic { in_guest[me] = 0; entered[me] = 0 }
}

proctype cpu(byte me)
{
	byte i;
	bit flush, by_nmi, sent;

	core_lock();
	do
	/* A translation is taken away: frame_claim, page_unmap. */
	:: changed < EPOCHS ->
#ifdef FAULT_EPOCH_AFTER_WAIT
		smp_shoot();
		changed++;
#else
		atomic { changed++; shooting = 1 };
		smp_shoot();
#endif
		atomic {
			shooting = 0;
			/* What the caller relies on when it goes on. */
			i = 0;
			do
			:: i < CPUS ->
				assert(!(running[i] && tlb[i] != changed));
				i++
			:: else -> break
			od;
			i = 0
		}

	/* Something is asked of another CPU. */
	:: requests < REQUESTS ->
		atomic { requests++; i = (me + 1) % CPUS };
		smp_kick(i);
		atomic { owed[i] = running[i] || asleep[i]; i = 0 }

	/* smp_park. */
	:: true ->
		core_unlock();
		/* cpu_wait: an NMI between the look at wake and HLT goes on behind the HLT. */
		if
#ifdef FAULT_NO_LOOK_AT_WAKE
		:: true ->
#else
		:: wake[me]
		:: !wake[me] ->
#endif
#ifdef FAULT_NMI_BEFORE_HLT
			take_nmi(me);
#endif
			asleep[me] = 1;
end_asleep:		nmi[me];
			asleep[me] = 0;
			take_nmi(me)
		fi;
		owed[me] = 0;
		core_lock();
		wake[me] = 0

	/* host_run. */
	:: true ->
		atomic {
#ifndef FAULT_NO_CHECK_AT_ENTRY
			if
			:: seen[me] != changed -> flush = 1; seen[me] = changed
			:: else
			fi;
#endif
			/* smp_leave */
			entered[me] = changed
		};
#ifdef FAULT_UNLOCK_FIRST
		core_unlock();
		in_guest[me] = 1;
#else
		in_guest[me] = 1;
		core_unlock();
#endif
		/* VMRUN: what the TLB takes in from now on is as the table is now. */
		atomic {
			running[me] = 1;
			if
			:: flush -> tlb[me] = changed
			:: else
			fi;
			flush = 0;
			assert(tlb[me] == changed || shooting)
		};
		/* The guest has an exit of its own, or it stays until an NMI comes. */
		if
		:: true
		:: true ->
end_guest:		nmi[me];
			by_nmi = 1
		fi;
		atomic { running[me] = 0; owed[me] = 0 };
		/* smp_back */
#ifdef FAULT_LOCK_FIRST
		core_lock();
		leave_guest();
#else
		leave_guest();
		core_lock();
#endif
		if
		:: by_nmi -> by_nmi = 0; take_nmi(me)
		:: else
		fi
	od
}

/* NMIs arrive when they do; one that meets another is lost. */
inline arrive(c)
{
	atomic { inflight[c] > 0 -> inflight[c]--; nmi[c] = 1 }
}

active proctype wires()
{
end:
	do
	:: arrive(0)
#if CPUS > 1
	:: arrive(1)
#endif
#if CPUS > 2
	:: arrive(2)
#endif
	od
}

active proctype device()
{
end:
	do
	:: atomic { foreign < FOREIGN -> foreign++; inflight[0]++ }
	:: atomic { foreign < FOREIGN -> foreign++; inflight[1]++ }
	od
}

init {
	atomic {
		byte c = 0;
		do
		:: c < CPUS -> run cpu(c); c++
		:: else -> break
		od
	}
}

/* In both, CPUs are alike, so one stands for all. */
ltl out { [] (owed[1] -> <> !owed[1]) }
ltl shoot { [] (shooting -> <> !shooting) }
