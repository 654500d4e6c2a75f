// SPDX-License-Identifier: Apache-2.0
// Check a quote. Structures: TPM 2.0 Library 1.59, part 2, "Structures".
#include <errno.h>
#include <string.h>

#include "checks.h"
#include "ecdsa.h"
#include "hash.h"
#include "quote.h"
#include "tpm_in.h"

#define TPM_GENERATED_VALUE 0xff544347u /* section 6.2 */
#define TPM_ST_ATTEST_QUOTE 0x8018u	/* section 6.9 */
#define TPM_ALG_SHA256	    0x000bu	/* section 6.3 */
#define TPM_ALG_ECDSA	    0x0018u

#define CLOCK_INFO_SIZE	    17u /* TPMS_CLOCK_INFO, section 10.11.1: 8 + 4 + 4 + 1 */
#define PCR_SELECT_SIZE	    3u	/* 24 PCRs (PC Client Platform TPM Profile 1.05, section 4.6.1) */

struct quote {
	uint8_t nonce[CL_EVIDENCE_NONCE_SIZE];
	uint8_t pcr_digest[CL_HASH_SIZE];
};

/* TPML_PCR_SELECTION, section 10.9.7: exactly the bank and the PCRs of CL_QUOTE_PCRS. */
static int take_selection(struct clv_tpm_in *in, char reason[CL_REASON_SIZE])
{
	uint64_t banks = clv_tpm_uint(in, 4), alg, size;
	uint32_t mask = 0;
	const uint8_t *bits;

	if (!in->bad && banks != 1)
		return clv_refuse(reason, "it quotes %llu banks of PCRs, not 1",
				  (unsigned long long)banks);
	alg = clv_tpm_uint(in, 2);
	size = clv_tpm_uint(in, 1);
	if (!in->bad && (alg != TPM_ALG_SHA256 || size != PCR_SELECT_SIZE))
		return clv_refuse(reason, "it quotes PCRs of bank 0x%04x, %u bytes, not SHA-256's",
				  (unsigned int)alg, (unsigned int)size);
	bits = clv_tpm_bytes(in, PCR_SELECT_SIZE);
	for (size_t i = 0; bits && i < PCR_SELECT_SIZE; i++)
		mask |= (uint32_t)bits[i] << (8 * i);
	if (!in->bad && mask != CL_QUOTE_PCRS)
		return clv_refuse(reason, "it quotes PCRs 0x%06x, not 0x%06x", mask, CL_QUOTE_PCRS);
	return 0;
}

/* TPMS_ATTEST with TPMS_QUOTE_INFO, sections 10.12.8 and 10.12.4. */
static int take_attest(const struct cl_evidence *parts, struct quote *q,
		       char reason[CL_REASON_SIZE])
{
	struct clv_tpm_in in = {.at = parts->attest, .left = parts->attest_size};
	uint64_t magic = clv_tpm_uint(&in, 4), type = clv_tpm_uint(&in, 2);
	const uint8_t *nonce, *digest;
	size_t signer_size, nonce_size, digest_size;

	/* The magic is what an AK, being restricted, puts on nothing that came from outside. */
	if (!in.bad && magic != TPM_GENERATED_VALUE)
		return clv_refuse(reason, "its magic is 0x%08x: no TPM made it",
				  (unsigned int)magic);
	if (!in.bad && type != TPM_ST_ATTEST_QUOTE)
		return clv_refuse(reason, "it is an attestation of type 0x%04x, not a quote",
				  (unsigned int)type);
	clv_tpm_2b(&in, &signer_size); /* qualifiedSigner: the registrar checked the AK itself */
	nonce = clv_tpm_2b(&in, &nonce_size);
	clv_tpm_bytes(&in, CLOCK_INFO_SIZE);
	clv_tpm_bytes(&in, 8); /* firmwareVersion */
	if (take_selection(&in, reason))
		return -1;
	digest = clv_tpm_2b(&in, &digest_size);
	if (in.bad)
		return clv_refuse(reason, "it ends too early");
	if (in.left)
		return clv_refuse(reason, "%zu bytes follow its end", in.left);
	if (!nonce || nonce_size != CL_EVIDENCE_NONCE_SIZE)
		return clv_refuse(reason, "its nonce has %zu bytes, not %u", nonce_size,
				  CL_EVIDENCE_NONCE_SIZE);
	if (!digest || digest_size != CL_HASH_SIZE)
		return clv_refuse(reason, "its digest of the PCRs has %zu bytes, not %u",
				  digest_size, CL_HASH_SIZE);
	memcpy(q->nonce, nonce, sizeof(q->nonce));
	memcpy(q->pcr_digest, digest, sizeof(q->pcr_digest));
	return 0;
}

/* TPM2B_ECC_PARAMETER, section 11.2.5.1: a number that may lack leading zeros. */
static int take_number(struct clv_tpm_in *in, uint8_t out[CLV_SIG_SIZE / 2])
{
	const uint8_t *number;
	size_t size;

	number = clv_tpm_2b(in, &size);
	if (!number || size == 0 || size > CLV_SIG_SIZE / 2)
		return -1;
	memset(out, 0, CLV_SIG_SIZE / 2);
	memcpy(out + CLV_SIG_SIZE / 2 - size, number, size);
	return 0;
}

/* TPMT_SIGNATURE with TPMS_SIGNATURE_ECDSA, sections 11.3.4 and 11.3.2. */
static int take_signature(const struct cl_evidence *parts, uint8_t raw[CLV_SIG_SIZE],
			  char reason[CL_REASON_SIZE])
{
	struct clv_tpm_in in = {.at = parts->signature, .left = parts->signature_size};
	uint64_t alg = clv_tpm_uint(&in, 2), hash = clv_tpm_uint(&in, 2);

	if (!in.bad && (alg != TPM_ALG_ECDSA || hash != TPM_ALG_SHA256))
		return clv_refuse(reason,
				  "its signature is of algorithm 0x%04x with hash 0x%04x, not "
				  "ECDSA with SHA-256",
				  (unsigned int)alg, (unsigned int)hash);
	if (take_number(&in, raw) || take_number(&in, raw + CLV_SIG_SIZE / 2))
		return clv_refuse(reason, "its signature is malformed");
	if (in.left)
		return clv_refuse(reason, "%zu bytes follow its signature", in.left);
	return 0;
}

int clv_quote(const struct cl_evidence *parts, EVP_PKEY *key, uint8_t nonce[CL_EVIDENCE_NONCE_SIZE],
	      char reason[CL_REASON_SIZE])
{
	uint8_t digest[CL_HASH_SIZE], raw[CLV_SIG_SIZE];
	struct quote q = {0};
	int rc;

	if (take_attest(parts, &q, reason) || take_signature(parts, raw, reason))
		return 0;
	clv_sha256(parts->attest, parts->attest_size, digest);
	rc = clv_ecdsa(key, digest, raw);
	if (rc < 0)
		return rc;
	if (rc == 0) {
		clv_refuse(reason, "the AK did not sign it");
		return 0;
	}
	/* Part 3, section 18.4 (TPM2_Quote): the digest of the PCRs, in order of their numbers. */
	clv_sha256(parts->pcrs[0], sizeof(parts->pcrs), digest);
	if (!clv_equal(digest, q.pcr_digest, CL_HASH_SIZE)) {
		clv_refuse(reason, "the PCRs beside it are not those that it quotes");
		return 0;
	}
	memcpy(nonce, q.nonce, CL_EVIDENCE_NONCE_SIZE);
	return 1;
}
