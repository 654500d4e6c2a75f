// SPDX-License-Identifier: Apache-2.0
/* The host's nested tables: rights, faults, accessed and dirty bits, sizes, flushes. */
#include "conform.h"
#include "lib/format.h"

/*
 * A page of the guest at FAR, in tables of its own on both sides, so that rights can be taken away
 * at each level without touching the code. Physical memory behind it: DATA.
 */
#define FAR	 0x8000000000ull
#define TABLE(n) ((uint64_t *)phys_to_virt(FREE + 0x100000 + (uint64_t)(n)*0x1000))
#define DATA	 (FREE + 0x200000)
#define RIGHTS	 (PTE_P | PTE_W | PTE_U)

FRAGMENT(mem_read, "mov (%rbx), %eax");
FRAGMENT(mem_write, "mov %ecx, (%rbx)");
FRAGMENT(mem_rmw, "lock incl (%rbx)");
FRAGMENT(mem_exec, "call *%rbx");
FRAGMENT(mem_split, "mov -2(%rbx), %eax");
FRAGMENT(mem_read_invlpg, "mov (%rbx), %ecx; mov %rdx, (%rsi); invlpg (%rbx); mov (%rbx), %eax");
FRAGMENT(mem_read_cr3,
	 "mov (%rbx), %ecx; mov %rdx, (%rsi); mov %cr3, %rdx; mov %rdx, %cr3; mov (%rbx), %eax");

static uint64_t *entry[5]; /* nested, by level */

static void far_page(const void *code)
{
	begin(code);
	for (unsigned i = 0; i < 6; i++)
		memset(TABLE(i), 0, 4096);
	guest_pml4[1] = virt_to_phys(TABLE(0)) | RIGHTS;
	TABLE(0)[0] = virt_to_phys(TABLE(1)) | RIGHTS;
	TABLE(1)[0] = virt_to_phys(TABLE(2)) | RIGHTS;
	for (unsigned i = 0; i < 512; i++)
		TABLE(2)[i] = (FAR + i * 4096ull) | RIGHTS;
	npt_pml4[1] = virt_to_phys(TABLE(3)) | RIGHTS;
	TABLE(3)[0] = virt_to_phys(TABLE(4)) | RIGHTS;
	TABLE(4)[0] = virt_to_phys(TABLE(5)) | RIGHTS;
	for (unsigned i = 0; i < 512; i++)
		TABLE(5)[i] = (DATA + i * 4096ull) | RIGHTS;
	entry[4] = &npt_pml4[1];
	entry[3] = &TABLE(3)[0];
	entry[2] = &TABLE(4)[0];
	entry[1] = &TABLE(5)[5];
	memset(phys_to_virt(DATA), 0xc3, 0x10000); /* RET, should someone go there */
	gpr[RBX] = FAR + 0x5000;
}

static void report_entries(void)
{
	say(" bits=");
	for (unsigned level = 4; level; level--)
		say("%s%lx", level == 4 ? "" : ",", (uint64_t)(*entry[level] & (PTE_A | PTE_D)));
	say("\n");
}

static void far_run(const char *what, const char *name, unsigned level)
{
	say("npt.%s.%s.%u:", what, name, level);
	report_run();
	report_entries();
}

/* A large leaf in place of the entry at level; more: bits beside its address. */
static void large(unsigned level, uint64_t more)
{
	*entry[level] = PTE_PS | RIGHTS | more;
	if (level == 2)
		*entry[level] |= DATA; /* DATA is 2 MiB aligned */
	gpr[RBX] = FAR + (level == 2 ? 0x5000 : DATA + 0x5000);
	/* The guest's own tables have one page for it. */
	TABLE(2)[5] = (level == 2 ? FAR + 0x5000 : FAR + DATA + 0x5000) | RIGHTS;
	gpr[RBX] = FAR + 0x5000;
}

void nested_tables(void)
{
	static const struct {
		const char *name;
		const void *code;
	} access[] = {{"read", mem_read},
		      {"write", mem_write},
		      {"rmw", mem_rmw},
		      {"exec", mem_exec},
		      {"split", mem_split}};
	unsigned phys_bits = cpuid(0x80000008, 0).eax & 0xff;

	for (unsigned a = 0; a < ARRAY(access); a++) {
		const struct {
			const char *name;
			uint64_t set, clear;
		} changes[] = {
			{"plain", 0, 0},
			{"absent", 0, PTE_P},
			{"readonly", 0, PTE_W},
			{"supervisor", 0, PTE_U},
			{"no_execute", PTE_NX, 0},
			{"reserved51", BIT64(51), 0},
			{"reserved_maxphyaddr", BIT64(phys_bits), 0},
			{"reserved_absent", BIT64(51), PTE_P},
			{"accessed", PTE_A, 0},
			{"dirty", PTE_A | PTE_D, 0},
			{"global", BIT64(8), 0},
			{"available", BIT64(9) | BIT64(11) | BIT64(52) | BIT64(62), 0},
		};
		const char *what = access[a].name;

		for (unsigned c = 0; c < ARRAY(changes); c++) {
			for (unsigned level = 1; level <= 4; level++) {
				/* The G bit in a PML4E is reserved; the emulator does not look. */
				if (changes[c].set == BIT64(8) && level > 1)
					continue;
				far_page(access[a].code);
				*entry[level] =
					(*entry[level] | changes[c].set) & ~changes[c].clear;
				far_run(what, changes[c].name, level);
			}
		}
		for (unsigned level = 2; level <= 3; level++) {
			far_page(access[a].code);
			large(level, 0);
			far_run(what, "large", level);
			far_page(access[a].code);
			large(level, BIT64(12));
			far_run(what, "large_pat", level);
			far_page(access[a].code);
			large(level, BIT64(13));
			far_run(what, "large_reserved", level);
			far_page(access[a].code);
			large(level, PTE_NX);
			far_run(what, "large_no_execute", level);
			far_page(access[a].code);
			large(level, 0);
			*entry[level] &= ~PTE_W;
			far_run(what, "large_readonly", level);
		}
		far_page(access[a].code);
		*entry[4] |= PTE_PS;
		far_run(what, "large", 4);
		/* Guest page tables where the host gives nothing. */
		far_page(access[a].code);
		TABLE(1)[0] = (FAR + 0x6000) | RIGHTS;
		memcpy(phys_to_virt(DATA + 0x6000), TABLE(2), 4096);
		TABLE(5)[6] = 0;
		far_run(what, "guest_table_absent", 1);
		TABLE(5)[6] = (DATA + 0x6000) | RIGHTS;
		vmcb.control.tlb_control = TLB_FLUSH_ALL;
		far_run(what, "guest_table_mended", 1);
		/* Guest-physical addresses that the guest may not form. */
		far_page(access[a].code);
		TABLE(2)[5] |= BIT64(phys_bits);
		vmcb_intercept(&vmcb, ICPT_EXCEPTION + VEC_PF);
		far_run(what, "guest_reserved", 1);
	}
	/* Tables of the host that are no RAM, or the Core's. */
	far_page(mem_read);
	*entry[2] = 0xa0000000 | RIGHTS;
	far_run("read", "table_beyond_ram", 2);
	far_page(mem_read);
	*entry[1] = 0xfed00000 | RIGHTS; /* HPET: its first register names it */
	far_run("read", "device", 1);
	say("npt.device.value: 0x%x\n", (uint32_t)vmcb.save.rax);
	far_page(mem_read);
	*entry[1] = 0xfee00000 | RIGHTS;
	gpr[RBX] += 0x30; /* the version of the local APIC */
	far_run("read", "apic", 1);
	say("npt.apic.value: 0x%x\n", (uint32_t)vmcb.save.rax);
	far_page(mem_write);
	*entry[1] = 0xfee00000 | RIGHTS;
	gpr[RBX] += 0x80; /* TPR */
	far_run("write", "apic", 1);
	report_frame(true);
	say("\n");
	begin(mem_write); /* the same without nested paging */
	vmcb.control.nested_ctl = 0;
	guest_pt[5] = 0xfee00000 | RIGHTS;
	gpr[RBX] = AREA + 0x5080;
	say("no_np.write.apic:");
	report_run();
	report_frame(true);
	say("\n");
	begin(mem_write);
	vmcb.control.nested_ctl = 0;
	gpr[RBX] = AREA + 0x5000;
	gpr[RCX] = 0x1234;
	say("no_np.write:");
	report_run();
	say(" value=0x%x\n", *(uint32_t *)phys_to_virt(AREA + 0x5000));
}

/* ---- flushes ---- */

static uint32_t value_after(const char *how)
{
	*(uint32_t *)phys_to_virt(DATA + 0x5000) = 0xaaaa;
	*(uint32_t *)phys_to_virt(DATA + 0x7000) = 0xbbbb;
	far_page(mem_read);
	*(uint32_t *)phys_to_virt(DATA + 0x5000) = 0xaaaa;
	*(uint32_t *)phys_to_virt(DATA + 0x7000) = 0xbbbb;
	bool sticky = !strcmp(how, "tlb_control_stays");

	guest_run();
	if ((uint32_t)vmcb.save.rax != 0xaaaa)
		return 1;
	/* The same VMCB runs on; only how tells the CPU. */
	TABLE(5)[5] = (DATA + 0x7000) | RIGHTS;
	if (!sticky)
		vmcb.control.tlb_control = 0;
	if (!strcmp(how, "flush_all"))
		vmcb.control.tlb_control = 1;
	else if (!strcmp(how, "flush_asid"))
		vmcb.control.tlb_control = 3;
	else if (!strcmp(how, "flush_non_global"))
		vmcb.control.tlb_control = 7;
	else if (!strcmp(how, "other_asid"))
		vmcb.control.asid = 2;
	else if (!strcmp(how, "invlpga"))
		__asm__ volatile("invlpga %0, %1" : : "a"(FAR + 0x5000), "c"(1));
	else if (!strcmp(how, "other_ncr3")) {
		memcpy(TABLE(6), npt_pml4, 4096);
		vmcb.control.ncr3 = virt_to_phys(TABLE(6));
	}
	vmcb.save.rip = virt_to_phys(mem_read);
	guest_run();
	return (uint32_t)vmcb.save.rax;
}

static void guest_flush(const char *name, const void *code, bool nested)
{
	begin(code);
	if (!nested)
		vmcb.control.nested_ctl = 0;
	*(uint32_t *)phys_to_virt(AREA + 0x5000) = 0xaaaa;
	*(uint32_t *)phys_to_virt(AREA + 0x7000) = 0xbbbb;
	gpr[RBX] = AREA + 0x5000;
	gpr[RSI] = virt_to_phys(&guest_pt[5]);
	gpr[RDX] = (AREA + 0x7000) | RIGHTS;
	say("guest_flush.%s%s:", name, nested ? "" : ".no_np");
	report_run();
	say(" before=0x%x after=0x%x\n", (uint32_t)gpr[RCX], (uint32_t)vmcb.save.rax);
}

void translations(void)
{
	static const char *const how[] = {"flush_all",	"flush_asid", "flush_non_global",
					  "other_asid", "invlpga",    "tlb_control_stays",
					  "other_ncr3"};

	for (unsigned i = 0; i < ARRAY(how); i++)
		say("flush.%s: value=0x%x\n", how[i], value_after(how[i]));
	far_page(mem_read);
	guest_run();
	say("tlb_control.after: %u\n", vmcb.control.tlb_control);
	/* Read, then write without a flush between: the host must learn of both. */
	vmcb.save.rip = virt_to_phys(mem_write);
	vmcb.control.tlb_control = 0;
	code_begin = mem_write;
	far_run("write", "after_read", 1);
	*entry[1] &= ~(PTE_A | PTE_D);
	vmcb.control.tlb_control = TLB_FLUSH_ALL;
	vmcb.save.rip = virt_to_phys(mem_write);
	far_run("write", "bits_cleared", 1);
	*entry[1] &= ~PTE_W;
	vmcb.control.tlb_control = TLB_FLUSH_ALL;
	vmcb.save.rip = virt_to_phys(mem_write);
	far_run("write", "made_readonly", 1);
	for (unsigned nested = 0; nested < 2; nested++) {
		guest_flush("invlpg", mem_read_invlpg, nested);
		guest_flush("cr3", mem_read_cr3, nested);
	}
}
