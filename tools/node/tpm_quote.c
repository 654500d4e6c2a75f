// SPDX-License-Identifier: Apache-2.0
// TPM2_Quote, and the PCR values that belong to it: the two are different commands, and the host
// may extend a PCR between them.
#include <errno.h>
#include <string.h>
#include <tss2/tss2_mu.h>
#include "tpm.h"
#include "../../verify/socket.h"

#define TRIES 8

static const TPML_PCR_SELECTION selection = {
	.count = 1,
	.pcrSelections = {{.hash = TPM2_ALG_SHA256,
			   .sizeofSelect = 3,
			   .pcrSelect = {CL_QUOTE_PCRS & 0xff, CL_QUOTE_PCRS >> 8 & 0xff,
					 CL_QUOTE_PCRS >> 16 & 0xff}}}};

// The place of a PCR among those quoted.
static unsigned int place_of(unsigned int pcr)
{
	return (unsigned int)__builtin_popcount(CL_QUOTE_PCRS & ((1u << pcr) - 1));
}

// A TPM may answer for fewer PCRs than were asked for; what it has answered is taken off `left`.
static int read_some(struct tpm *tpm, TPML_PCR_SELECTION *left, struct tpm_quote *quote,
		     char error[CL_ERROR_SIZE])
{
	TPML_PCR_SELECTION *read = NULL;
	TPML_DIGEST *values = NULL;
	uint32_t at = 0;
	TSS2_RC rc = Esys_PCR_Read(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, left, NULL,
				   &read, &values);

	if (rc)
		return tpm_error(error, rc, "cannot read the PCRs");
	const TPMS_PCR_SELECTION *got = &read->pcrSelections[0];
	TPMS_PCR_SELECTION *want = &left->pcrSelections[0];
	for (unsigned int pcr = 0; pcr < 24 && read->count == 1; pcr++) {
		uint8_t bit = (uint8_t)(1u << pcr % 8);
		if (!(got->pcrSelect[pcr / 8] & bit & want->pcrSelect[pcr / 8]))
			continue;
		if (at >= values->count || values->digests[at].size != CL_PCR_SIZE)
			break;
		memcpy(quote->pcrs[place_of(pcr)], values->digests[at++].buffer, CL_PCR_SIZE);
		want->pcrSelect[pcr / 8] &= (uint8_t)~bit;
	}
	Esys_Free(read);
	Esys_Free(values);
	return at ? 0
		  : clv_error(error, -EIO,
			      "TPM: it has no SHA-256 bank of PCRs; switch it on in "
			      "the firmware's setup, or with `tpm2_pcrallocate`");
}

static int read_pcrs(struct tpm *tpm, struct tpm_quote *quote, char error[CL_ERROR_SIZE])
{
	TPML_PCR_SELECTION left = selection;
	const uint8_t *bits = left.pcrSelections[0].pcrSelect;
	int rc = 0;

	while (!rc && (bits[0] || bits[1] || bits[2]))
		rc = read_some(tpm, &left, quote, error);
	return rc;
}

static int quote_once(struct tpm *tpm, ESYS_TR ak, const TPM2B_DATA *nonce, struct tpm_quote *quote,
		      TPMS_ATTEST *attest, char error[CL_ERROR_SIZE])
{
	const TPMT_SIG_SCHEME own = {.scheme = TPM2_ALG_NULL};
	TPMT_SIGNATURE *signature = NULL;
	TPM2B_ATTEST *quoted = NULL;
	size_t at = 0;
	TSS2_RC rc = Esys_Quote(tpm->esys, ak, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, nonce,
				&own, &selection, &quoted, &signature);

	if (rc)
		return tpm_error(error, rc, "cannot quote the PCRs");
	if (quoted->size <= sizeof(quote->attest)) {
		memcpy(quote->attest, quoted->attestationData, quoted->size);
		quote->attest_size = quoted->size;
		rc = Tss2_MU_TPMS_ATTEST_Unmarshal(quote->attest, quote->attest_size, &at, attest);
	} else {
		rc = TSS2_MU_RC_BAD_SIZE;
	}
	quote->signature_size = 0;
	if (!rc)
		rc = Tss2_MU_TPMT_SIGNATURE_Marshal(signature, quote->signature,
						    sizeof(quote->signature),
						    &quote->signature_size);
	Esys_Free(quoted);
	Esys_Free(signature);
	if (!rc && attest->type != TPM2_ST_ATTEST_QUOTE)
		rc = TSS2_MU_RC_BAD_VALUE;
	return rc ? tpm_error(error, rc, "its quote makes no sense") : 0;
}

// Are these the values that were quoted?
static bool consistent(const struct tpm_quote *quote, const TPMS_ATTEST *attest)
{
	const TPM2B_DIGEST *digest = &attest->attested.quote.pcrDigest;
	uint8_t hash[CL_PCR_SIZE];

	return EVP_Digest(quote->pcrs, sizeof(quote->pcrs), hash, NULL, EVP_sha256(), NULL) &&
	       digest->size == sizeof(hash) && !memcmp(digest->buffer, hash, sizeof(hash));
}

int tpm_quote(struct tpm *tpm, const uint8_t nonce[CL_EVIDENCE_NONCE_SIZE], struct tpm_quote *quote,
	      char error[CL_ERROR_SIZE])
{
	cleanup_handle struct tpm_handle ak = {tpm, ESYS_TR_NONE};
	TPM2B_DATA data = {.size = CL_EVIDENCE_NONCE_SIZE};
	TPMS_ATTEST attest = {0};

	memcpy(data.buffer, nonce, CL_EVIDENCE_NONCE_SIZE);
	int rc = tpm_make_key(&ak, PUBLIC_AK, quote->ak, &quote->ak_size, error);
	for (int i = 0; !rc && i < TRIES; i++) {
		rc = read_pcrs(tpm, quote, error);
		if (!rc)
			rc = quote_once(tpm, ak.tr, &data, quote, &attest, error);
		if (!rc && consistent(quote, &attest))
			return 0;
	}
	return rc ? rc
		  : clv_error(error, -EIO,
			      "TPM: its PCRs change faster than they can be quoted; "
			      "try again when nothing extends them");
}
