/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the conformance program. */
#ifndef TESTS_PAYLOAD_CONFORM_H
#define TESTS_PAYLOAD_CONFORM_H

#include "payload.h"

/* Guest code at a label; it ends in VMMCALL. */
#define FRAGMENT(label, code)                                                                      \
	extern const uint8_t label[];                                                              \
	__asm__(".text\n" #label ": " code "\n\tvmmcall\n")

/* conform.c */
extern const uint8_t *code_begin;
void begin(const void *code); /* a fresh guest; RBX, RSI, RDI: a page of zeros */
const char *place(char text[32], uint64_t rip);
void report_exit(void); /* all that an exit says */
void report_run(void);	/* guest_run(), and that */
/* What stands on the guest's stack where a handler of its has ended it. */
void report_frame(bool error_code);

void ports(void); /* conform_io.c */
void msrs(void);
void injection(void); /* conform_events.c */
void interrupts(void);
void nested_tables(void); /* conform_memory.c */
void translations(void);
void others(void);	    /* conform_other.c */
void lme_without_pae(void); /* conform_lme.c */

#endif
