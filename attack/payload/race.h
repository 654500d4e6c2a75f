/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the attack vmcb_race: a CPU that flips words, and what it flips them under. */
#ifndef ATTACK_PAYLOAD_RACE_H
#define ATTACK_PAYLOAD_RACE_H

#include "payload.h"

#define FIELD(member) ((unsigned)__builtin_offsetof(struct vmcb, member))

/* One word of the VMCB, its two values, and what CPU 0 has seen so far. */
struct race {
	const char *name;
	unsigned at;	     /* offset in the VMCB, of 8 bytes */
	uint64_t a, b;	     /* each alone is legal, or has VMRUN refused */
	uint64_t after[2];   /* what VMRUN comes to with a, with b; the same: no race to be seen */
	uint64_t always;     /* what it may come to in any case */
	uint64_t tries;	     /* VMRUNs during which the word was flipped */
	uint64_t seen[2];    /* of after[] */
	uint64_t gained;     /* VMRUNs that came to anything else */
	uint64_t odd;	     /* the first of these */
	uint64_t end, flips; /* race_goes_on() */
};

extern bool above_core;

/* race_flip.c */
bool flip_start_cpu(void);
void race_begin(struct race *r);
bool race_goes_on(struct race *r); /* enough tries, or no more time */
void race_count(struct race *r, uint64_t came_to);
void race_end(struct race *r);

/* race_zone.c */
void zone_races(void);

#endif
