/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's TPM, by tpm2-tss. Nothing stays in it: every key is a primary, made anew from the
 * TPM's seed and flushed on every path.
 *
 * Functions return 0 or a negative errno with a sentence in error[]: -ENOENT for what the TPM does
 * not have, -EIO for a TPM that refuses or does not answer.
 */
#ifndef CLOISTER_NODE_TPM_H
#define CLOISTER_NODE_TPM_H

#include <tss2/tss2_esys.h>
#include <cloister/evidence.h>
#include <cloister/verify.h>
#include "credential.h"
#include "public.h"

#define TPM_TCTI_DEFAULT "device:/dev/tpmrm0"
#define EK_CERT_MAX	 4096u

struct tpm {
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
};

/* A key or session in the TPM, flushed at the end of its scope. */
struct tpm_handle {
	struct tpm *tpm;
	ESYS_TR tr;
};
#define cleanup_handle __attribute__((cleanup(tpm_flush)))
void tpm_flush(struct tpm_handle *handle);

/* tcti as tpm2-tools write it: "device:/dev/tpmrm0", "swtpm:path=/run/tpm.sock". */
int tpm_open(struct tpm *tpm, const char *tcti, char error[CL_ERROR_SIZE]);
void tpm_close(struct tpm *tpm);

/* For the functions below: name the step, the TPM's answer and what that means, in error[]. */
int tpm_error(char error[CL_ERROR_SIZE], TSS2_RC rc, const char *step);

/* The certificate (DER) of the endorsement key of this kind. */
int tpm_ek_certificate(struct tpm *tpm, enum public_kind kind, uint8_t der[EK_CERT_MAX],
		       size_t *size, char error[CL_ERROR_SIZE]);

/* A primary of the endorsement hierarchy from its template; its public area as marshalled. */
int tpm_make_key(struct tpm_handle *handle, enum public_kind kind, uint8_t area[PUBLIC_MAX],
		 size_t *size, char error[CL_ERROR_SIZE]);

/* TPM2_ActivateCredential with the EK of this kind and the AK. */
int tpm_activate(struct tpm *tpm, enum public_kind kind, const struct credential *credential,
		 uint8_t secret[SECRET_SIZE], char error[CL_ERROR_SIZE]);

struct tpm_quote {
	uint8_t attest[CL_QUOTE_ATTEST_MAX];
	size_t attest_size;
	uint8_t signature[CL_QUOTE_SIGNATURE_MAX];
	size_t signature_size;
	uint8_t pcrs[CL_QUOTE_NR_PCRS][CL_PCR_SIZE]; /* of CL_QUOTE_PCRS, ascending */
	uint8_t ak[PUBLIC_MAX];			     /* the public area of the key that signed */
	size_t ak_size;
};

/* Quote CL_QUOTE_PCRS with the AK; the values are those that were quoted. */
int tpm_quote(struct tpm *tpm, const uint8_t nonce[CL_EVIDENCE_NONCE_SIZE], struct tpm_quote *quote,
	      char error[CL_ERROR_SIZE]);

#endif
