/* SPDX-License-Identifier: Apache-2.0 */
/* A quote: what a TPM signed about its PCRs. */
#ifndef VERIFY_QUOTE_H
#define VERIFY_QUOTE_H

#include <openssl/evp.h>

#include <cloister/verify.h>

/*
 * 1 if `key` signed a quote of the SHA-256 PCRs CL_QUOTE_PCRS, and they have the values in
 * parts->pcrs; then nonce is what it answers. 0 with the reason if not; -ENOMEM or -EIO.
 */
int clv_quote(const struct cl_evidence *parts, EVP_PKEY *key, uint8_t nonce[CL_EVIDENCE_NONCE_SIZE],
	      char reason[CL_REASON_SIZE]);

#endif
