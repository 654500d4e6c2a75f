/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attack suite's program for the node. One attack a file; each registers itself, and is the
 * same code against what the Core protects (mode "zone") and against what nobody does ("plain").
 */
#ifndef ATTACK_H
#define ATTACK_H

#include "vm.h"

/* What the control is: the same attack on … */
#define ON_GUEST   "guest"   /* an ordinary guest on the same host */
#define ON_MACHINE "machine" /* a host without the Core */

struct attack {
	const char *name;
	const char *source;  /* who attacks */
	const char *control; /* ON_GUEST, ON_MACHINE, or why there can be none */
	const char *what;    /* one sentence: what is tried, and what counts as gained */
	void (*run)(void);
};

#define ATTACK(id, source, control, what)                                                          \
	static void id(void);                                                                      \
	static const struct attack attack_##id = {#id, source, control, what, id};                 \
	static const struct attack *const entry_##id __attribute__((used, section("attacks"))) =   \
		&attack_##id;                                                                      \
	static void id(void)

extern bool zone; /* mode: against the Core */

void tried(uint64_t count);
void gained(uint64_t count);
/* Text for the result: how it ended. The last one is kept. */
void outcome(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A guest with 64 MiB that runs this task, as a zone or not. COUNT is what it finds at SHARED. */
void victim(struct vm *vm, enum task task, uint32_t count, uint64_t window);
/* An ordinary guest in either mode. */
void bystander(struct vm *vm, enum task task, uint32_t count);
/* The next word that the guest says; false if it has come to its end, whose reason is told. */
bool hears(struct vm *vm, uint64_t *word);
/* As bystander or victim, with all of its RAM in memory of the caller's. */
void victim_in(struct vm *vm, enum task task, uint32_t count, void *ram);
void bystander_in(struct vm *vm, enum task task, uint32_t count, void *ram);

#define PAGE 4096ul
uint8_t *page_of(const struct vm *vm, unsigned i);
uint64_t random64(void);

/* Memory that can be mapped more than once (RAM_BYTES, 2 MiB aligned). */
void *shared_ram(void);
void free_ram(void *ram);

#endif
