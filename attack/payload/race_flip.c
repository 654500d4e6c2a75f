// SPDX-License-Identifier: Apache-2.0
/*
 * CPU 1: does nothing but write two values in turn. CPU 0 counts a VMRUN as tried only if CPU 1 has
 * written in the meantime: on a busy machine it may have had no turn.
 */
#include "race.h"

#define PATIENCE   120000000000ull /* ticks of the TSC: a minute; other work may be beside us */
#define LEAST_FLIP 4u		   /* in one VMRUN: that it came in its middle, too */

/* A page of its own: CPU 1 writes it all the time. */
static struct {
	uint64_t *volatile word; /* NULL: rest */
	uint64_t *volatile now;	 /* what CPU 1 has taken up of it; NULL: it writes nothing */
	volatile uint64_t a, b, flips;
	volatile bool up;
} job __attribute__((aligned(4096)));
static uint8_t flip_stack[4096] __attribute__((aligned(16)));

static void flip(void)
{
	job.up = true;
	for (;;) {
		uint64_t *word = job.word;

		job.now = word;
		if (!word) {
			__asm__ volatile("pause");
			continue;
		}
		uint64_t value = job.a, other = value ^ job.b;

		while (job.word) {
			value ^= other;
			__atomic_store_n(word, value, __ATOMIC_RELAXED);
			job.flips++;
		}
	}
}

static bool cpu_1_is_up(void)
{
	uint64_t end = rdtsc() + PATIENCE;

	while (!job.up) {
		if (rdtsc() > end)
			return false;
		__asm__ volatile("pause");
	}
	return true;
}

static void hand_over(uint64_t *word)
{
	uint64_t end = rdtsc() + PATIENCE;

	job.word = word;
	while (job.now != word) {
		if (rdtsc() > end) {
			say("payload: FAIL CPU 1 does not answer\n");
			halt();
		}
		__asm__ volatile("pause");
	}
}

bool flip_start_cpu(void)
{
	start_cpu_1(flip, flip_stack + sizeof(flip_stack));
	return cpu_1_is_up();
}

void race_begin(struct race *r)
{
	job.a = r->a;
	job.b = r->b;
	hand_over((uint64_t *)((uint8_t *)&vmcb + r->at));
	r->end = rdtsc() + PATIENCE;
	r->flips = job.flips;
}

bool race_goes_on(struct race *r)
{
	bool seen = !above_core || r->after[0] == r->after[1] || (r->seen[0] && r->seen[1]);

	if (r->tries >= argument("rounds", 100) && seen)
		return false;
	/* Others have this machine's CPUs, too: on when CPU 1 has its turn. */
	r->flips = job.flips;
	while (job.flips == r->flips) {
		if (rdtsc() > r->end)
			return false;
		__asm__ volatile("pause");
	}
	r->flips = job.flips;
	return rdtsc() < r->end;
}

void race_count(struct race *r, uint64_t came_to)
{
	r->tries += job.flips - r->flips >= LEAST_FLIP;
	for (unsigned i = 0; i < 2; i++) {
		if (came_to == r->after[i]) {
			r->seen[i]++;
			return;
		}
	}
	if (came_to != r->always && !r->gained++)
		r->odd = came_to;
}

void race_end(struct race *r)
{
	hand_over(NULL);
	say("%s: tries=%lu first=%lu second=%lu differ=%u gained=%lu odd=0x%lx\n", r->name,
	    r->tries, r->seen[0], r->seen[1], r->after[0] != r->after[1], r->gained, r->odd);
}
