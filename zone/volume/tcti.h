/* SPDX-License-Identifier: Apache-2.0 */
/* How the TPM library reaches the TPM: whole commands over a port whose other end the host has. */
#ifndef CLOISTER_VOLUME_TCTI_H
#define CLOISTER_VOLUME_TCTI_H

#include <tss2/tss2_tcti.h>

#define TCTI_MAX 4096u

struct port_tcti {
	TSS2_TCTI_CONTEXT_COMMON_V2 common; /* first: what the library gets a pointer to */
	int fd;
	int timeout_ms; /* for one answer */
};

/* A channel over fd, which stays the caller's. */
void tcti_init(struct port_tcti *tcti, int fd, int timeout_ms);

#endif
