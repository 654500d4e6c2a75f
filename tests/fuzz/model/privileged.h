/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Included before every source of a fuzz build. Instructions that only CPL 0 may execute and whose
 * effect does not matter to the model become nothing; all others stay and fault: a finding.
 */
#ifndef FUZZ_MODEL_PRIVILEGED_H
#define FUZZ_MODEL_PRIVILEGED_H

__asm__(".macro wbinvd\n.endm\n"
	".macro stgi\n.endm\n"
	".macro clgi\n.endm\n"
	".macro vmsave at\n.endm\n");

#endif
