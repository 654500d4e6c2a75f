/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the fuzzer. */
#ifndef TESTS_PAYLOAD_FUZZ_H
#define TESTS_PAYLOAD_FUZZ_H

#include "payload.h"

struct counts {
	uint64_t vmruns, protects, launched, calls, moves, refused, ended, caught, checks;
	uint64_t exits[256];
	uint64_t errors[64]; /* of PROTECT, by number; [0]: it did not come to it */
};
extern struct counts counts;

/* fuzz.c */
uint64_t rnd(void);
uint64_t below(uint64_t n);
uint64_t now(void);
void fail(const char *what, uint64_t value) __attribute__((noreturn));
int64_t core_call(uint32_t op, const void *arg, uint64_t size);
/* One VMRUN that ends in time, however the guest may loop. */
int timed_run(struct vmcb *v, uint64_t *regs);

/* fuzz_zone.c */
void zones_round(void); /* launch one, or run one and move its frames about */
void zones_end(void);

#endif
