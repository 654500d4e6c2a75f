/* SPDX-License-Identifier: Apache-2.0 */
/* `cloister verify --tls-cert`: what clients that know certificates only can trust. */
#ifndef CLOISTER_CLI_VERIFY_CERT_H
#define CLOISTER_CLI_VERIFY_CERT_H

#include "verify_request.h"

/*
 * If it was asked for and code is EXIT_OK, write the certificate whose key was judged; otherwise
 * touch no file, and say so. Returns code, or another exit code if it cannot be written.
 */
int save_certificate(const struct request *r, int code);

#endif
