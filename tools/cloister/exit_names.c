// SPDX-License-Identifier: Apache-2.0
// Exit codes to names. Runs of codes (control registers, debug registers, exceptions) are computed.
#include "exit_names.h"
#include <stdio.h>
#include <string.h>

#define FIRST_NAMED 0x60u
#define NPF_SLOT    0xa0u // where the Core counts code 0x400

static const char *const named[] = {
	"INTR",	       "NMI",	    "SMI",	   "INIT",    "VINTR",	    "CR0_SEL_WRITE",
	"IDTR_READ",   "GDTR_READ", "LDTR_READ",   "TR_READ", "IDTR_WRITE", "GDTR_WRITE",
	"LDTR_WRITE",  "TR_WRITE",  "RDTSC",	   "RDPMC",   "PUSHF",	    "POPF",
	"CPUID",       "RSM",	    "IRET",	   "SWINT",   "INVD",	    "PAUSE",
	"HLT",	       "INVLPG",    "INVLPGA",	   "IOIO",    "MSR",	    "TASK_SWITCH",
	"FERR_FREEZE", "SHUTDOWN",  "VMRUN",	   "VMMCALL", "VMLOAD",	    "VMSAVE",
	"STGI",	       "CLGI",	    "SKINIT",	   "RDTSCP",  "ICEBP",	    "WBINVD",
	"MONITOR",     "MWAIT",	    "MWAIT_ARMED", "XSETBV",  "RDPRU",	    "EFER_WRITE_TRAP",
};

void exit_name(uint32_t code, char name[EXIT_NAME_MAX])
{
	if (code < 0x10)
		snprintf(name, EXIT_NAME_MAX, "CR%u_READ", code);
	else if (code < 0x20)
		snprintf(name, EXIT_NAME_MAX, "CR%u_WRITE", code - 0x10);
	else if (code < 0x30)
		snprintf(name, EXIT_NAME_MAX, "DR%u_READ", code - 0x20);
	else if (code < 0x40)
		snprintf(name, EXIT_NAME_MAX, "DR%u_WRITE", code - 0x30);
	else if (code < 0x60)
		snprintf(name, EXIT_NAME_MAX, "EXCEPTION_%u", code - 0x40);
	else if (code == NPF_SLOT)
		snprintf(name, EXIT_NAME_MAX, "NPF");
	else if (code - FIRST_NAMED < sizeof(named) / sizeof(named[0]))
		snprintf(name, EXIT_NAME_MAX, "%s", named[code - FIRST_NAMED]);
	else
		snprintf(name, EXIT_NAME_MAX, "0x%x", code);
}
