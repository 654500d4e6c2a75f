/* SPDX-License-Identifier: Apache-2.0 */
/* The signature of a COSE_Sign1 with ES256 (RFC 9053, section 2.1), by OpenSSL. */
#ifndef VERIFY_ES256_H
#define VERIFY_ES256_H

#include "parse.h"

/*
 * 1 if the signature over the Sig_structure is right under claims.core_key; 0 with the reason if
 * not; -ENOMEM or -EIO if OpenSSL failed.
 */
int clv_es256(const struct clv_parsed *parsed, char reason[CL_REASON_SIZE]);

#endif
