/* SPDX-License-Identifier: Apache-2.0 */
/* Ask a zone: its report, its TLS key. */
#ifndef CLOISTER_CLI_VERIFY_ASK_H
#define CLOISTER_CLI_VERIFY_ASK_H

#include "verify_request.h"

/* Both say what is wrong. 0 or an exit code. */
int ask_report(const struct request *r, const uint8_t *nonce, uint8_t *report, size_t *size);
int ask_tls(struct request *r); /* spki and tls_cert, of one connection */

#endif
