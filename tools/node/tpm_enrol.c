// SPDX-License-Identifier: Apache-2.0
// What a TPM does at its enrolment: show its EK's certificate, and activate a credential.
#include <errno.h>
#include <string.h>
#include "tpm.h"
#include "../../verify/socket.h"

// TCG EK Credential Profile 2.5, 2.2.1.4: the low range.
#define NV_EK_RSA 0x01c00002u
#define NV_EK_ECC 0x01c0000au
#define NV_CHUNK  512u // what every TPM reads at once

// A certificate at the start of an index that may be longer: how long DER says that it is, or 0.
static size_t der_size(const uint8_t *der, size_t size)
{
	if (size < 4 || der[0] != 0x30 || der[1] != 0x82)
		return 0;
	size_t length = 4 + ((size_t)der[2] << 8 | der[3]);
	return length <= size ? length : 0;
}

static int nv_read(struct tpm *tpm, ESYS_TR index, uint8_t *to, size_t size,
		   char error[CL_ERROR_SIZE])
{
	for (size_t at = 0; at < size;) {
		size_t want = size - at < NV_CHUNK ? size - at : NV_CHUNK;
		TPM2B_MAX_NV_BUFFER *data = NULL;
		// The index's own, empty password: it may be read by all.
		TSS2_RC rc = Esys_NV_Read(tpm->esys, index, index, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					  ESYS_TR_NONE, (uint16_t)want, (uint16_t)at, &data);
		if (rc)
			return tpm_error(error, rc,
					 "cannot read the endorsement key's certificate");
		size_t got = data->size;
		if (got && got <= want)
			memcpy(to + at, data->buffer, got);
		Esys_Free(data);
		if (!got || got > want)
			return clv_error(error, -EIO, "TPM: it reads %zu of %zu bytes", got, want);
		at += got;
	}
	return 0;
}

// -ENOENT: no such index.
static int read_certificate(struct tpm *tpm, uint32_t nv, uint8_t der[EK_CERT_MAX], size_t *size,
			    char error[CL_ERROR_SIZE])
{
	TPM2B_NV_PUBLIC *public = NULL;
	ESYS_TR index = ESYS_TR_NONE;
	TSS2_RC rc = Esys_TR_FromTPMPublic(tpm->esys, nv, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					   &index);

	if (rc == (TPM2_RC_HANDLE | TPM2_RC_1))
		return -ENOENT;
	if (rc)
		return tpm_error(error, rc, "cannot look for the endorsement key's certificate");
	rc = Esys_NV_ReadPublic(tpm->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &public,
				NULL);
	size_t all = rc ? 0 : public->nvPublic.dataSize;
	Esys_Free(public);
	int result = rc ? tpm_error(error, rc, "cannot read an NV index") : 0;
	if (!result && all > EK_CERT_MAX)
		result = clv_error(error, -EIO,
				   "TPM: the endorsement key's certificate is of %zu bytes, more "
				   "than %u",
				   all, EK_CERT_MAX);
	if (!result)
		result = nv_read(tpm, index, der, all, error);
	if (!result && !(*size = der_size(der, all)))
		result = clv_error(error, -EIO, "TPM: NV index 0x%08x holds no X.509 certificate",
				   nv);
	Esys_TR_Close(tpm->esys, &index);
	return result;
}

int tpm_ek_certificate(struct tpm *tpm, enum public_kind kind, uint8_t der[EK_CERT_MAX],
		       size_t *size, char error[CL_ERROR_SIZE])
{
	bool rsa = kind == PUBLIC_EK_RSA;
	uint32_t nv = rsa ? NV_EK_RSA : NV_EK_ECC;
	int rc = read_certificate(tpm, nv, der, size, error);

	if (rc == -ENOENT)
		return clv_error(
			error, rc,
			"TPM: its maker has left no certificate of an %s endorsement key in "
			"NV (0x%08x); %s",
			rsa ? "RSA" : "ECC", nv,
			rsa ? "try without --ek rsa"
			    : "`cloister node enroll --ek rsa` asks for an RSA one");
	return rc;
}

// A session in which the EK's policy A holds.
static int ek_session(struct tpm_handle *session, char error[CL_ERROR_SIZE])
{
	const TPMT_SYM_DEF none = {.algorithm = TPM2_ALG_NULL};
	ESYS_CONTEXT *esys = session->tpm->esys;
	TSS2_RC rc = Esys_StartAuthSession(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					   ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_POLICY, &none,
					   TPM2_ALG_SHA256, &session->tr);

	if (!rc)
		rc = Esys_PolicySecret(esys, ESYS_TR_RH_ENDORSEMENT, session->tr, ESYS_TR_PASSWORD,
				       ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL, NULL);
	return rc ? tpm_error(error, rc, "cannot satisfy the endorsement key's policy") : 0;
}

int tpm_activate(struct tpm *tpm, enum public_kind kind, const struct credential *credential,
		 uint8_t secret[SECRET_SIZE], char error[CL_ERROR_SIZE])
{
	cleanup_handle struct tpm_handle ek = {tpm, ESYS_TR_NONE}, ak = {tpm, ESYS_TR_NONE},
					 session = {tpm, ESYS_TR_NONE};
	TPM2B_ID_OBJECT blob = {.size = CREDENTIAL_SIZE};
	TPM2B_ENCRYPTED_SECRET seed = {.size = (uint16_t)credential->seed_size};
	TPM2B_DIGEST *info = NULL;
	uint8_t area[PUBLIC_MAX];
	size_t size;

	memcpy(blob.credential, credential->blob, CREDENTIAL_SIZE);
	memcpy(seed.secret, credential->seed, credential->seed_size);
	int rc = tpm_make_key(&ek, kind, area, &size, error);
	if (!rc)
		rc = tpm_make_key(&ak, PUBLIC_AK, area, &size, error);
	if (!rc)
		rc = ek_session(&session, error);
	if (rc)
		return rc;
	TSS2_RC tss = Esys_ActivateCredential(tpm->esys, ak.tr, ek.tr, ESYS_TR_PASSWORD, session.tr,
					      ESYS_TR_NONE, &blob, &seed, &info);
	if (tss)
		return tpm_error(error, tss, "the credential is not for this TPM and key");
	if (info->size == SECRET_SIZE)
		memcpy(secret, info->buffer, SECRET_SIZE);
	else
		rc = clv_error(error, -EIO, "TPM: the credential holds %u bytes, not %u",
			       info->size, SECRET_SIZE);
	Esys_Free(info);
	return rc;
}
