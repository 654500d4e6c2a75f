// SPDX-License-Identifier: Apache-2.0
// cl-vmm CASE: attacks on zones by their own VMM, and on the Core by the host's root. Prints FAIL
// lines and exits with 1 if anything was not as it has to be. cl-vmm pool: the Core's free pages.
// cl-vmm hold: a zone of 100 pages of canary and an ordinary guest of 50, until killed; a line on
// standard input makes the zone look at its pages.
// cl-vmm seal CONTEXT EXTRA: the sealing key of a zone, whose digest EXTRA changes.
// cl-vmm boot_log: what the Core has kept of it, to standard output.
// cl-vmm busy: a zone that seals and opens pages for as long as it is let.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <unistd.h>
#include "scenarios.h"
#include "vm.h"

/*
 * The host may touch a device for the first time during a run, which costs the Core a page for
 * good; a leak costs one in every run.
 */
#define RUNS_MAX 3

#define CASE(name)                                                                                 \
	{                                                                                          \
#name, t_##name                                                                    \
	}
static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	CASE(launch),
	CASE(descriptor),
	CASE(segments),
	CASE(parameters),
	CASE(promised),
	CASE(caller),
	CASE(small_windows),
	CASE(core_memory_as_ram),
	CASE(instructions),
	CASE(msrs),
	CASE(msr_values),
	CASE(cpuid),
	CASE(debugregs),
	CASE(plain_debugregs),
	CASE(zone_calls),
	CASE(exit),
	CASE(triple_fault),
	CASE(fetch_shared),
	CASE(tables_shared),
	CASE(outside_ram),
	CASE(hole),
	CASE(convert),
	CASE(stopped_by_host),
	CASE(plain_pages),
	CASE(host_reads),
	CASE(window),
	CASE(idle),
	CASE(tampered),
	CASE(replayed),
	CASE(exchanged),
	CASE(memory_moved),
	CASE(memory_replaced),
	CASE(memory_dropped),
	CASE(one_frame_twice),
	CASE(other_zone_lives),
	CASE(scrubbed),
	CASE(many_lives),
	CASE(many_at_once),
	CASE(plain_registers),
	CASE(registers),
	CASE(set_registers),
	CASE(reset),
	CASE(interrupts),
	CASE(bad_interrupts),
	CASE(dead_stays_dead),
	CASE(next_guest),
	CASE(host_calls),
	CASE(launch_again),
};

static void ring(int number)
{
	(void)number; /* KVM_RUN comes back with EINTR */
}

/*
 * Free pages of the Core while there is nothing that it remembers of any guest: a launch makes it
 * drop its shadows of ordinary guests' tables, the end of the zone gives back the rest. Exact only
 * while no other guest runs in the node.
 */
static uint64_t settled_pool(void)
{
	struct vm vm;

	vm_open(&vm);
	vm_protect(&vm, TASK_SPIN, 0, 0);
	vm_said(&vm);
	vm_close(&vm);
	return core_info().pool_free;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = ring};
	const char *name = argc == 2 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* A guest that never exits: KVM_RUN is interrupted, and the case fails. Long, as four of
	 * these at once, emulated on a busy machine, take more than a minute. */
	sigaction(SIGALRM, &action, NULL);
	alarm(180);
	if (!strcmp(name, "pool")) {
		printf("%llu\n", (unsigned long long)settled_pool());
		return 0;
	}
	if (!strcmp(name, "busy")) {
		alarm(0);
		keep_busy();
		return failures ? 1 : 0;
	}
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(cases[i].name, name) != 0)
			continue;
		settled_pool(); /* what the Core makes once and keeps, for its first zone */
		uint64_t gone = 1;
		for (unsigned runs = 0; gone && !failures && runs < RUNS_MAX; runs++) {
			uint64_t before = settled_pool();
			cases[i].run();
			gone = before - settled_pool();
		}
		expect(!gone, "%lld Core pages are gone, in each of %d runs", (long long)gone,
		       RUNS_MAX);
		puts(failures ? "failed" : "ok");
		return failures ? 1 : 0;
	}
	if (!strcmp(name, "boot_log")) {
		boot_log();
		return failures ? 1 : 0;
	}
	if (argc == 4 && !strcmp(argv[1], "seal")) {
		seal_key(argv[2], argv[3]);
		return failures ? 1 : 0;
	}
	if (!strcmp(name, "hold")) {
		hold();
		return 1;
	}
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		puts(cases[i].name);
	return 2;
}
