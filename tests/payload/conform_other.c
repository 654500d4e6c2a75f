// SPDX-License-Identifier: Apache-2.0
/* Time, many VMCBs, what the host finds after #VMEXIT, and fields that nobody should look at. */
#include "conform.h"

FRAGMENT(other_end, "");
FRAGMENT(other_tsc, "rdtsc");
FRAGMENT(other_cr2, "mov %rbx, %cr2");
FRAGMENT(other_regs,
	 "mov $1, %ebx; mov $2, %ecx; mov $3, %edx; mov $4, %esi; mov $5, %edi; mov $6, %ebp; "
	 "mov $8, %r8d; mov $15, %r15d; mov $99, %eax; std; stc");
FRAGMENT(other_save, "mov %rbx, %rax; vmsave %rax");
FRAGMENT(other_load, "mov %rbx, %rax; vmload %rax");
FRAGMENT(other_cpuid, "cpuid");

static void tsc(const char *name, uint64_t offset)
{
	begin(other_tsc);
	vmcb.control.tsc_offset = offset;
	uint64_t before = rdtsc();

	guest_run();
	uint64_t seen = ((uint32_t)vmcb.save.rax | gpr[RDX] << 32) - offset, after = rdtsc();

	say("tsc.%s: between=%u\n", name, seen >= before && seen <= after);
}

/* Many VMCBs take turns, each with its own state and one of the ASIDs that both CPUs have. */
static void many(void)
{
	struct vmcb *all = phys_to_virt(FREE + 0x400000);
	uint64_t sum = 0;

	begin(other_end);
	for (unsigned i = 0; i < 64; i++) {
		memcpy(&all[i], &vmcb, sizeof(vmcb));
		all[i].control.asid = 1 + i % 7;
		all[i].save.rax = i;
	}
	for (unsigned round = 0; round < 8; round++) {
		for (unsigned i = 0; i < 64; i++) {
			svm_enter(virt_to_phys(&all[i]), gpr, FREE + 0x500000, RFLAGS_ONE);
			sum += all[i].save.rax * (all[i].control.exit_code == EXIT_VMMCALL);
		}
	}
	say("many: sum=%lu\n", sum);
}

/* VMLOAD and VMSAVE that the host did not intercept, of an address that the tables move. */
static void open_vmload(const char *name, const void *code)
{
	struct vmcb *there = phys_to_virt(AREA + 0x5000), *behind = phys_to_virt(AREA + 0x6000);

	begin(code);
	memset(there, 0, 4096);
	memset(behind, 0, 4096);
	there->save.star = 0x111;
	behind->save.star = 0x222;
	vmcb.save.star = 0x333;
	npt_pt[5] = (AREA + 0x6000) | 7;
	gpr[RBX] = AREA + 0x5000;
	say("open.%s:", name);
	report_run();
	say(" star=0x%lx there=0x%lx behind=0x%lx\n", vmcb.save.star, there->save.star,
	    behind->save.star);
}

static void host_after(void)
{
	uint64_t gs = rdmsr(MSR_GS_BASE), pat = rdmsr(MSR_PAT), dr7;

	begin(other_regs);
	vmcb.save.cr2 = 0x5000;
	vmcb.save.g_pat = 0;
	vmcb.save.dr7 = 0x755;
	vmcb.save.rflags |= BIT64(11);
	__asm__ volatile("mov %0, %%dr7" : : "r"(0x600ul)); /* GE: no breakpoint, but a bit */
	guest_run();
	__asm__ volatile("mov %%dr7, %0" : "=r"(dr7));
	say("host.after: gs=%u pat=%u dr7=0x%lx cr2=0x%lx gif_if=%lu\n", rdmsr(MSR_GS_BASE) == gs,
	    rdmsr(MSR_PAT) == pat, dr7, read_cr2(), host_rflags);
	say("guest.after: rax=%lu rcx=%lu rdx=%lu rbx=%lu rsi=%lu rdi=%lu rbp=%lu r8=%lu r15=%lu "
	    "rflags=0x%lx cr2=0x%lx dr7=0x%lx cpl=%u efer=0x%lx cr0=0x%lx cr4=0x%lx\n",
	    vmcb.save.rax, gpr[RCX], gpr[RDX], gpr[RBX], gpr[RSI], gpr[RDI], gpr[RBP], gpr[R8],
	    gpr[R15], vmcb.save.rflags, vmcb.save.cr2, vmcb.save.dr7, vmcb.save.cpl, vmcb.save.efer,
	    vmcb.save.cr0, vmcb.save.cr4);
}

void others(void)
{
	tsc("none", 0);
	tsc("ahead", 1000000000000ull);
	tsc("behind", -1000000000ull);
	many();
	open_vmload("vmsave", other_save);
	open_vmload("vmload", other_load);
	host_after();
	begin(other_cr2);
	say("clean.ignored:");
	guest_run();
	vmcb.control.clean = 0xffffffff;
	vmcb.save.rip = virt_to_phys(other_cr2);
	vmcb.save.cr2 = 0;
	gpr[RBX] = 0x7777;
	report_run();
	say(" cr2=0x%lx\n", vmcb.save.cr2);
	/* A guest that its host lets have CPUID must not find more than the host does. */
	begin(other_cpuid);
	vmcb.save.rax = 0x8000000a;
	guest_run();
	struct cpuid_regs r = cpuid(0x8000000a, 0);

	say("cpuid.as_host: as_host=%u\n",
	    r.edx == (uint32_t)gpr[RDX] && r.ebx == (uint32_t)gpr[RBX]);
}
