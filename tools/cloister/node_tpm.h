/* SPDX-License-Identifier: Apache-2.0 */
/* What has to be known of a TPM before the Core is installed on its machine. */
#ifndef CLOISTER_CLI_NODE_TPM_H
#define CLOISTER_CLI_NODE_TPM_H

#include <stdbool.h>

struct node_tpm {
	bool owner_auth; /* the owner hierarchy has a password */
	bool lockout;	 /* too many wrong authorizations lately */
	bool sha256;	 /* PCR bank */
};

/* Asks the TPM behind this device. 0 or negative errno (-EPROTO: it answered with nonsense). */
int node_tpm_ask(const char *device, struct node_tpm *tpm);

#endif
