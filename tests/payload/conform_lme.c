// SPDX-License-Identifier: Apache-2.0
/*
 * Guests with EFER.LME = 1 and CR0.PG = 0 that have CR4.PAE = 0 when they exit. The emulated CPU
 * loads no CR0 then and goes on without paging, or in real mode: so only above the Core.
 */
#include "conform.h"

#define CODE32(label, code) FRAGMENT(label, ".code32; " code "; vmmcall; .code64")

FRAGMENT(lme_real, ".code16; mov %cr4, %ebx; vmmcall; .code64");
CODE32(lme_read, "mov %cr4, %ebx");
CODE32(lme_clear, "mov %cr4, %eax; and $~0x20, %eax; mov %eax, %cr4; mov %cr4, %ebx");
CODE32(lme_set, "mov %cr4, %eax; or $0x20, %eax; mov %eax, %cr4; mov %cr4, %ebx");
CODE32(lme_reserved, "mov $0x80000000, %eax; mov %eax, %cr4; mov %cr4, %ebx");
CODE32(lme_leave, "mov %cr0, %eax; and $0x7fffffff, %eax; mov %eax, %cr0; "
		  "mov %cr4, %eax; and $~0x20, %eax; mov %eax, %cr4; mov %cr4, %ebx");
/* There and back. */
CODE32(lme_return, "mov %cr0, %ecx; mov %ecx, %eax; and $0x7fffffff, %eax; mov %eax, %cr0; "
		   "mov %cr4, %edx; mov %edx, %eax; and $~0x20, %eax; mov %eax, %cr4; "
		   "mov %edx, %cr4; mov %ecx, %cr0; mov %cr4, %ebx");

static void run(const char *name, const void *code, uint64_t cr0_without, uint64_t cr4_without)
{
	begin(code);
	vmcb.save.cs.attrib = SEG_CODE32;
	vmcb.save.cr0 &= ~cr0_without;
	vmcb.save.cr4 &= ~cr4_without;
	if (cr0_without & CR0_PG)
		vmcb.save.efer &= ~EFER_LMA;
	if (cr0_without & CR0_PE) {
		vmcb.save.cs = (struct vmcb_seg){
			.attrib = SEG_CODE16, .limit = 0xffff, .base = vmcb.save.rip};
		vmcb.save.rip = 0;
	}
	vmcb_intercept(&vmcb, ICPT_EXCEPTION + VEC_GP);
	guest_run();
	say("lme.%s: exit=0x%lx pg=%u pae=%u lma=%u read=%lu intercepts=%u\n", name,
	    vmcb.control.exit_code, (vmcb.save.cr0 & CR0_PG) != 0, (vmcb.save.cr4 & CR4_PAE) != 0,
	    (vmcb.save.efer & EFER_LMA) != 0, gpr[RBX] >> 5 & 1,
	    vmcb_intercepts(&vmcb, ICPT_CR0_SEL) || vmcb_intercepts(&vmcb, ICPT_CR_WRITE + 4));
}

void lme_without_pae(void)
{
	if (!argument("core", 0))
		return;
	run("real", lme_real, CR0_PE | CR0_PG, CR4_PAE);
	run("entered", lme_read, CR0_PG, CR4_PAE);
	run("set", lme_set, CR0_PG, CR4_PAE);
	run("cleared", lme_clear, CR0_PG, 0);
	run("reserved", lme_reserved, CR0_PG, 0);
	run("left", lme_leave, 0, 0);
	run("returned", lme_return, 0, 0);
}
