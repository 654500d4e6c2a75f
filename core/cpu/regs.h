/* SPDX-License-Identifier: Apache-2.0 */
/* Registers by name: AMD APM vol. 2, chapter 3 and appendix A. */
#ifndef CORE_CPU_REGS_H
#define CORE_CPU_REGS_H

#include "lib/types.h"

#define CR0_PE		 BIT64(0)
#define CR0_TS		 BIT64(3)
#define CR0_ET		 BIT64(4)
#define CR0_NE		 BIT64(5)
#define CR0_WP		 BIT64(16)
#define CR0_PG		 BIT64(31)
#define CR4_DE		 BIT64(3)
#define CR4_PSE		 BIT64(4)
#define CR4_PAE		 BIT64(5)
#define CR4_MCE		 BIT64(6)
#define CR4_OSFXSR	 BIT64(9)
#define CR4_OSXMMEXCPT	 BIT64(10)
#define CR4_FSGSBASE	 BIT64(16)
#define CR4_OSXSAVE	 BIT64(18)

#define EFER_SCE	 BIT64(0)
#define EFER_LME	 BIT64(8)
#define EFER_LMA	 BIT64(10)
#define EFER_NXE	 BIT64(11)
#define EFER_SVME	 BIT64(12)
#define EFER_FFXSR	 BIT64(14)

#define RFLAGS_CF	 BIT64(0)
#define RFLAGS_ONE	 BIT64(1)
#define RFLAGS_PF	 BIT64(2)
#define RFLAGS_AF	 BIT64(4)
#define RFLAGS_ZF	 BIT64(6)
#define RFLAGS_SF	 BIT64(7)
#define RFLAGS_TF	 BIT64(8)
#define RFLAGS_IF	 BIT64(9)
#define RFLAGS_OF	 BIT64(11)
#define RFLAGS_RF	 BIT64(16)

#define DR6_INIT	 0xffff0ff0ull
#define DR7_INIT	 0x400ull
#define PAT_INIT	 0x0007040600070406ull

#define MSR_TSC		 0x10u
#define MSR_APIC_BASE	 0x1bu
#define MSR_TSC_ADJUST	 0x3bu
#define MSR_PATCH_LEVEL	 0x8bu
#define MSR_SYSENTER_CS	 0x174u
#define MSR_SYSENTER_ESP 0x175u
#define MSR_SYSENTER_EIP 0x176u
#define MSR_DEBUGCTL	 0x1d9u
#define DEBUGCTL_LBR	 BIT64(0)
#define MSR_PAT		 0x277u
#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_X2APIC_FIRST 0x800u
#define MSR_X2APIC_LAST	 0x8ffu
#define MSR_STAR	 0xc0000081u
#define MSR_LSTAR	 0xc0000082u
#define MSR_CSTAR	 0xc0000083u
#define MSR_SFMASK	 0xc0000084u
#define MSR_KERNEL_GS	 0xc0000102u
#define MSR_TSC_AUX	 0xc0000103u
#define MSR_XSS		 0xda0u
#define MSR_TSC_RATIO	 0xc0000104u
#define TSC_RATIO_ONE	 BIT64(32)
#define MSR_KVM_OLD	 0x11u	     /* and 0x12: KVM's first clock, which writes to memory */
#define MSR_LBR_SELECT	 0xc000010eu /* and DBG_EXTN_CFG behind it */
#define MSR_BRANCH_FIRST 0xc0010300u /* records of the last branches */
#define MSR_BRANCH_LAST	 0xc001031fu
#define MSR_CPUID_FIRST	 0xc0011002u /* what CPUID says of features */
#define MSR_CPUID_LAST	 0xc0011005u
#define MSR_IBS_FIRST	 0xc0011030u
#define MSR_IBS_LAST	 0xc001103bu
#define MSR_SYSCFG	 0xc0010010u
#define MSR_HWCR	 0xc0010015u
#define MSR_IORR_BASE0	 0xc0010016u
#define MSR_IORR_MASK1	 0xc0010019u
#define MSR_TOP_MEM	 0xc001001au
#define MSR_TOP_MEM2	 0xc001001du
#define MSR_PATCH_LOADER 0xc0010020u
#define MSR_MC_REDIRECT	 0xc0010022u /* #MC by a vector or an SMI instead */
#define VM_CR_R_INIT	 BIT64(1)
#define VM_CR_DIS_A20M	 BIT64(2)
#define MSR_MMIO_CFG	 0xc0010058u
#define MSR_CPU_WATCHDOG 0xc0010074u /* machine checks by its own timer */
#define MSR_SMI_FIRST	 0xc0010050u
#define MSR_SMI_LAST	 0xc0010056u
#define MSR_MTRR_FIRST	 0x200u
#define MSR_MTRR_LAST	 0x20fu
#define MSR_MTRR_64K	 0x250u
#define MSR_MTRR_16K	 0x258u
#define MSR_MTRR_4K	 0x268u
#define MSR_MTRR_DEFTYPE 0x2ffu
#define HWCR_FFDIS	 BIT64(6)
#define HWCR_CPB_DIS	 BIT64(25)
#define HWCR_IRPERF	 BIT64(30)
#define MSR_SMM_BASE	 0xc0010111u
#define MSR_SMM_MASK	 0xc0010113u
#define MSR_SVM_HSAVE_PA 0xc0010117u
#define MSR_SEV_STATUS	 0xc0010131u
#define MSR_DE_CFG	 0xc0011029u

/* Hardware numbers of general registers. */
enum gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

#define VEC_DB 1u
#define VEC_BP 3u
#define VEC_OF 4u
#define VEC_UD 6u
#define VEC_DF 8u
#define VEC_GP 13u
#define VEC_PF 14u
#define VEC_AC 17u
#define VEC_MC 18u

/* Bits of a physical address, MAXPHYADDR. */
unsigned cpu_phys_bits(void);

#endif
