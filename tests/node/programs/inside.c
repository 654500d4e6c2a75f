// SPDX-License-Identifier: Apache-2.0
// What a zone can and cannot do: nothing that it tries reaches further than itself.
#include <stdio.h>
#include <string.h>
#include "scenarios.h"
#include "vm.h"

#define DB 1u
#define UD 6u
#define GP 13u

static void start(struct vm *vm, enum task task)
{
	vm_open(vm);
	vm_protect(vm, task, 0, 0);
}

static void end(struct vm *vm)
{
	expect(vm_said(vm) == DONE, "the zone did not get to its end");
	vm_close(vm);
}

struct probe {
	const char *name;
	uint32_t vector;
};

static void probes(enum task task, const struct probe *p, unsigned n)
{
	struct vm vm;

	start(&vm, task);
	for (unsigned i = 0; i < n; i++) {
		uint64_t said = vm_said(&vm);
		expect(said == p[i].vector, "%s: vector %lld (255: none)", p[i].name,
		       (long long)said);
	}
	end(&vm);
}

void t_instructions(void)
{
	static const struct probe p[] = {
		{"VMRUN", UD},	 {"VMLOAD", UD}, {"VMSAVE", UD},  {"STGI", UD},	   {"CLGI", UD},
		{"INVLPGA", UD}, {"SKINIT", UD}, {"VMMCALL", UD}, {"MONITOR", UD}, {"MWAIT", UD},
		{"UD2", UD},	 {"RDPMC", GP},	 {"OUTS", GP},	  {"INS", GP},
	};

	probes(TASK_INSTRUCTIONS, p, sizeof(p) / sizeof(p[0]));
}

void t_msrs(void)
{
	static const struct probe p[] = {
		{"read VM_CR", GP},
		{"read VM_HSAVE_PA", GP},
		{"read PERF_CTR0", GP},
		{"read SMM_BASE", GP},
		{"read 0x1d", GP},
		{"read DebugCtl", GP},
		{"read MTRR", GP},
		{"read x2APIC", GP},
		{"read KVM clock", GP},
		{"read GHCB", GP},
		{"read 0xdeadbeef", GP},
		{"write VM_CR", GP},
		{"write VM_HSAVE_PA", GP},
		{"write EFER with SVME", GP},
		{"write EFER without LME", GP},
		{"write PAT of a reserved type", GP},
		{"move the APIC", GP},
		{"write SEV_STATUS", GP},
		{"write KVM clock", GP},
		{"write 0xdeadbeef", GP},
	};

	probes(TASK_MSRS, p, sizeof(p) / sizeof(p[0]));
}

void t_msr_values(void)
{
	struct vm vm;
	uint64_t v[8];

	start(&vm, TASK_MSR_VALUES);
	for (unsigned i = 0; i < 8; i++)
		v[i] = vm_said(&vm);
	expect(v[0] == 1 && v[1] == 0, "SEV_STATUS is not SEV alone");
	expect(v[2] & 1u << 23, "SYSCFG without memory encryption");
	expect((v[4] & 0x500) == 0x500 && !(v[4] & 0x1000), "EFER is 0x%llx",
	       (unsigned long long)v[4]);
	expect(v[6] == 0xfee00900, "APIC base is 0x%llx", (unsigned long long)v[6]);
	end(&vm);
}

void t_cpuid(void)
{
	struct vm vm;
	uint64_t r[6][4];

	start(&vm, TASK_CPUID);
	for (unsigned i = 0; i < 24; i++)
		r[i / 4][i % 4] = vm_said(&vm);
	expect(r[0][0] >= 0xd, "highest leaf");
	expect(r[1][2] & 1u << 31, "no hypervisor bit");
	expect(!(r[1][2] & 1u << 5), "VMX is shown");
	for (unsigned i = 0; i < 4; i++) {
		expect(!r[2][i], "a hypervisor leaf of the host's is shown");
		expect(!r[4][i], "the SVM leaf is shown");
	}
	expect(!(r[3][2] & 1u << 2), "SVM is shown");
	expect(r[5][0] == 2, "leaf 8000001f is not SEV alone: 0x%llx", (unsigned long long)r[5][0]);
	expect((r[5][1] & 63) >= 39 && (r[5][1] & 63) < 52, "C-bit position %llu",
	       (unsigned long long)(r[5][1] & 63));
	expect((r[5][1] >> 6 & 63) == 1, "address bits taken");
	end(&vm);
}

#define UPPER(v) ((uint64_t)(v) << 32)

/* What is written comes back; no breakpoint fires, as the CPU's own registers hold a key. */
static void debugregs(struct vm *vm)
{
	const uint64_t all = 0xffff0555;
	uint64_t pattern = PATTERN;

	for (unsigned n = 0; n < 5; n++) {
		uint64_t value = vm_said(vm);
		value |= UPPER(vm_said(vm));
		expect(value == (n == 4 ? 0x400 : 0), "DR%u is 0x%llx at first", n == 4 ? 7 : n,
		       (unsigned long long)value);
	}
	for (unsigned n = 0; n < 4; n++) {
		uint64_t value = vm_said(vm);
		value |= UPPER(vm_said(vm));
		expect(value == pattern, "DR%u: 0x%llx read, 0x%llx written", n,
		       (unsigned long long)value, (unsigned long long)pattern);
		pattern = pattern >> 8 | pattern << 56;
	}
	expect(vm_said(vm) == GP, "DR7, upper half");
	expect(vm_said(vm) == UD, "DR5 with CR4.DE");
	uint64_t low = vm_said(vm), high = vm_said(vm), alias = vm_said(vm);
	expect(low == all && !high, "DR7 is 0x%llx %llx", (unsigned long long)high,
	       (unsigned long long)low);
	expect(alias == all, "DR5 is 0x%llx", (unsigned long long)alias);
	expect(vm_said(vm) == NO_TRAP, "a watchpoint fires");
	expect(vm_said(vm) == DB, "single-stepping");
	end(vm);
}

void t_debugregs(void)
{
	struct vm vm;

	start(&vm, TASK_DEBUGREGS);
	debugregs(&vm);
}

void t_plain_debugregs(void)
{
	struct vm vm;

	vm_open(&vm);
	vm_plain(&vm, TASK_DEBUGREGS);
	debugregs(&vm);
}

void t_zone_calls(void)
{
	static const struct {
		const char *what;
		int error; /* 0: any */
	} bad[] = {
		{"unknown call", CL_ENOSYS},
		{"the host's INFO", CL_ENOSYS},
		{"the host's ZONE_END", CL_ENOSYS},
		{"report of 0 bytes", CL_EINVAL},
		{"report of 1 byte less", CL_EINVAL},
		{"report of 2^64 - 1 bytes", CL_EINVAL},
		{"address that is not canonical", CL_EFAULT},
		{"address at the end", CL_EFAULT},
		{"address that is not mapped", CL_EFAULT},
		{"address in a shared page", CL_EFAULT},
		{"address in the hole", CL_EFAULT},
		{"address beyond RAM", CL_EFAULT},
		{"exit of a wrong size", 0},
	};
	const unsigned n = sizeof(bad) / sizeof(bad[0]);
	struct vm vm;

	struct cl_core_info before = core_info();
	start(&vm, TASK_CALLS);
	for (unsigned i = 0; i < n; i++) {
		int32_t r = (int32_t)vm_said(&vm);
		expect(bad[i].error ? r == -bad[i].error : r < 0, "%s: %d", bad[i].what, r);
	}
	expect(core_info().refused == before.refused + n, "%llu of %u refusals counted",
	       (unsigned long long)(core_info().refused - before.refused), n);
	expect(vm_said(&vm) == 0, "a good call after them");
	uint64_t size = vm_said(&vm);
	expect(size > 200 && size <= CL_REPORT_MAX, "report of %llu bytes",
	       (unsigned long long)size);
	expect(vm_said(&vm) == 0xd2, "the report is no COSE_Sign1");
	end(&vm);
}

#define EXTRA_GPA 0x1a0000

/* For tests/node/test_tpm.py: what the Core answers, in hex. `extra` is measured with the zone. */
void seal_key(const char *context, const char *extra)
{
	struct cl_seal_key *k;
	struct vm vm;

	vm_open(&vm);
	memcpy(vm.ram + EXTRA_GPA, extra, strnlen(extra, 64));
	vm.desc->nr_segs = 2;
	vm.desc->seg[1].gpa = EXTRA_GPA;
	vm.desc->seg[1].size = 4096;
	vm_protect(&vm, TASK_SEAL_KEY, 0, 0);
	k = (struct cl_seal_key *)(void *)(vm.ram + SHARED_GPA);
	memset(k, 0, 4096);
	memcpy(k->context, context, strnlen(context, sizeof(k->context)));
	for (unsigned i = 0; i < 4; i++)
		expect((int32_t)vm_said(&vm) < 0, "a malformed call was answered");
	int32_t result = (int32_t)vm_said(&vm);
	expect(vm_said(&vm) == DONE, "the zone did not get to its end");
	k = (struct cl_seal_key *)(void *)(vm.ram + SHARED_GPA + 2048);
	printf("result %d\nkey ", result);
	for (unsigned i = 0; i < sizeof(k->key); i++)
		printf("%02x", k->key[i]);
	printf("\nsrk ");
	for (unsigned i = 0; i < 64; i++)
		printf("%02x", i < 32 ? k->srk_x[i] : k->srk_y[i - 32]);
	printf("\ndigest ");
	for (unsigned i = 0; i < CL_DIGEST_SIZE; i++)
		printf("%02x", zone_info(&vm).digest[i]);
	puts("");
	vm_close(&vm);
}

void t_exit(void)
{
	struct vm vm;

	start(&vm, TASK_EXIT);
	vm_dies(&vm, "exit, status 7");
	vm_close(&vm);
}

void t_triple_fault(void)
{
	struct vm vm;

	start(&vm, TASK_TRIPLE_FAULT);
	vm_dies(&vm, "triple fault");
	vm_close(&vm);
}

void t_fetch_shared(void)
{
	struct vm vm;

	start(&vm, TASK_FETCH_SHARED);
	memset(vm.ram + SHARED_GPA, 0xf4, 4096); /* HLT */
	vm_dies(&vm, "instruction fetch from a shared page");
	vm_close(&vm);
}

void t_tables_shared(void)
{
	struct vm vm;

	start(&vm, TASK_TABLES_SHARED);
	memset(vm.ram + SHARED_GPA, 0, 4096);
	vm_dies(&vm, "page table in a shared page");
	vm_close(&vm);
}

void t_outside_ram(void)
{
	struct vm vm;

	start(&vm, TASK_OUTSIDE_RAM);
	vm_dies(&vm, "private access outside RAM");
	vm_close(&vm);
}

// Where a PC has its BIOS the host may have put anything: the zone reads zeros, and cannot write.
void t_hole(void)
{
	struct vm vm;

	start(&vm, TASK_HOLE);
	memset(vm.ram + 0xa0000, 0xee, 0x60000);
	expect(vm_said(&vm) == 0, "the hole is not zero");
	expect(vm_said(&vm) == 0, "the BIOS is not zero");
	vm_dies(&vm, "private access outside RAM, at 0xc0000");
	vm_close(&vm);
}

void t_convert(void)
{
	struct vm vm;
	const volatile uint64_t *page;
	volatile uint32_t *words;

	start(&vm, TASK_CONVERT);
	page = (const volatile uint64_t *)(void *)(vm.ram + PAGES_GPA);
	words = (volatile uint32_t *)(void *)(vm.ram + PAGES_GPA);
	expect(vm_said(&vm) == SAY_PAGES, "no page");
	expect(vm_said(&vm) == 0, "a page made shared is not zero");
	expect(vm_said(&vm) == SAY_PAGES, "no shared page");
	expect(words[0] == 0x600d, "the host does not see what the zone shares");
	for (unsigned i = 1; i < 512; i++)
		expect(page[i] == 0, "a page made shared has something else for the host");
	words[4] = 0xbad;
	expect(vm_said(&vm) == 0xbad, "the zone does not see what the host shares");
	expect(zone_info(&vm).shared_pages == 1, "shared pages are not counted");
	expect(vm_said(&vm) == 0, "a page made private is not zero");
	expect(vm_said(&vm) == 0, "what the host wrote is in a page made private");
	expect(zone_info(&vm).shared_pages == 0, "shared pages are not counted");
	end(&vm);
}

void t_stopped_by_host(void)
{
	struct vm vm;

	start(&vm, TASK_INTERRUPTS);
	expect(vm_next(&vm).what == EVENT_HLT, "the zone does not sleep");
	struct cl_zone_ref ref = {.instance = zone_info(&vm).instance};
	expect(core_call(CL_OP_ZONE_END, &ref, sizeof(ref)) == 0, "ZONE_END");
	struct cl_zone_info info = zone_info(&vm);
	expect(info.state == CL_ZONE_DEAD && !strcmp(info.reason, "ended by the host"),
	       "state %u, \"%s\"", info.state, info.reason);
	expect(core_call(CL_OP_ZONE_END, &ref, sizeof(ref)) == 0, "ZONE_END of a dead zone");
	vm_close(&vm);
}
