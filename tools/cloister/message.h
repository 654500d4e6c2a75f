/* SPDX-License-Identifier: Apache-2.0 */
/* What the program says, and the exit codes (cloister(1), EXIT STATUS). */
#ifndef CLOISTER_CLI_MESSAGE_H
#define CLOISTER_CLI_MESSAGE_H

#include <stddef.h>

enum exit_code {
	EXIT_OK = 0,
	EXIT_ERROR = 1,	    /* anything without a code of its own; verify: contraindicated */
	EXIT_USAGE = 2,	    /* wrong arguments */
	EXIT_WARNING = 3,   /* verify: nothing wrong, but something unproven */
	EXIT_NO_REPORT = 4, /* verify: the zone could not be asked */
	EXIT_ROOT = 10,	    /* not root */
	EXIT_KVM = 11,	    /* /dev/kvm missing or unusable */
	EXIT_CORE = 12,	    /* no Core beneath this host, or one of another version */
	EXIT_IMAGE = 13,    /* malformed zone image */
	EXIT_MEMORY = 14,   /* too little memory */
	EXIT_PORT = 15,	    /* a port to publish is taken */
	EXIT_PROGRAM = 16,  /* QEMU or the loader missing */
	EXIT_NAME = 17,	    /* name in use */
	EXIT_START = 18,    /* the zone did not come up */
	EXIT_DIGEST = 19,   /* the Core measured something else than what was given to it */
	EXIT_KILLED = 20,   /* --foreground: the Core ended the zone */
	EXIT_NO_ZONE = 21,  /* no such zone */
	EXIT_JAIL = 22,	    /* QEMU cannot be jailed on this host */
	EXIT_VOLUME = 23,   /* a volume that is missing, unusable or in use; or no TPM for it */
	EXIT_SIGNAL = 128,  /* plus the signal's number */
};

/* "cloister: what: why; what to do next" to standard error, or to where messages go. Returns code.
 */
int fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Another program's name in the place of "cloister": a short one, which stays the caller's. */
void message_name(const char *program);

/* The same without an error: progress and warnings. Silent after message_quiet(). */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void message_quiet(void);

/* From now on send messages to this descriptor, one send(2) or write(2) each; -1: stderr. */
void message_to(int fd);

/* Copy text with everything replaced that could drive a terminal. Guests and the host write it. */
void printable(char *to, size_t size, const char *from);

#endif
