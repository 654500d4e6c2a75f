// SPDX-License-Identifier: Apache-2.0
#include "attack.h"

#define PROBES 14u
#define UD     6u
#define GP     13u

static const char probes_why[] =
	"no guest may do this on a host that intercepts it, as KVM does; the host itself may, see "
	"host_vmsave";

static void probes(bool as_zone)
{
	struct vm vm;
	uint64_t word;

	vm_open(&vm);
	if (as_zone)
		vm_protect(&vm, TASK_INSTRUCTIONS, 0, 0);
	else
		vm_plain(&vm, TASK_INSTRUCTIONS);
	/* The last four of the task are no instructions of SVM; the eighth, VMMCALL, asks to be a
	 * zone, with a descriptor that is none. */
	for (unsigned i = 0; i < (as_zone ? 10 : 8); i++) { /* KVM lets MONITOR and MWAIT pass */
		struct happened h = vm_next(&vm);

		if (h.what != EVENT_OUT || h.address != SAY)
			break;
		word = h.value;
		tried(1);
		if (i != 7 || as_zone)
			gained(word != UD && word != GP);
	}
	vm_close(&vm);
}

ATTACK(guest_svm, "zone kernel, guest kernel", probes_why,
       "VMRUN, VMLOAD, VMSAVE, STGI, CLGI, INVLPGA, SKINIT, VMMCALL, MONITOR and MWAIT from a "
       "zone and from an ordinary guest. Gained: instructions that did not fault.")
{
	for (unsigned i = 0; i < 5; i++) {
		probes(true);
		probes(false);
	}
}
