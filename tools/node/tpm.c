// SPDX-License-Identifier: Apache-2.0
// The connection to the TPM, handles, errors, and primaries.
#include "tpm.h"
#include <errno.h>
#include <string.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>
#include "../../verify/socket.h"

int tpm_error(char error[CL_ERROR_SIZE], TSS2_RC rc, const char *step)
{
	const char *advice = "";

	// An answer of the TPM itself, with its format-1 parameter and session numbers taken off.
	if ((rc & TSS2_RC_LAYER_MASK) == 0) {
		TSS2_RC code = rc & TPM2_RC_FMT1 ? rc & 0xbf : rc;
		if (code == TPM2_RC_LOCKOUT)
			advice = "; the TPM is in lockout: wait, or `tpm2_dictionarylockout -c`";
		else if (code == TPM2_RC_BAD_AUTH || code == TPM2_RC_AUTH_FAIL)
			advice = "; the endorsement hierarchy has a password: "
				 "`tpm2_changeauth -c e` takes it away";
		else if (code == TPM2_RC_OBJECT_MEMORY || code == TPM2_RC_SESSION_MEMORY)
			advice =
				"; something keeps the TPM full: use the kernel's resource manager "
				"(/dev/tpmrm0), or `tpm2_flushcontext -t`";
	}
	return clv_error(error, -EIO, "TPM: %s: %s%s", step, Tss2_RC_Decode(rc), advice);
}

int tpm_open(struct tpm *tpm, const char *tcti, char error[CL_ERROR_SIZE])
{
	*tpm = (struct tpm){NULL, NULL};
	TSS2_RC rc = Tss2_TctiLdr_Initialize(tcti, &tpm->tcti);
	if (rc)
		return clv_error(error, -EIO,
				 "TPM: %s: %s; is there a TPM 2.0, and may this user open it?",
				 tcti, Tss2_RC_Decode(rc));
	rc = Esys_Initialize(&tpm->esys, tpm->tcti, NULL);
	if (rc) {
		tpm_close(tpm);
		return tpm_error(error, rc, "cannot speak to it");
	}
	return 0;
}

void tpm_close(struct tpm *tpm)
{
	if (tpm->esys)
		Esys_Finalize(&tpm->esys);
	if (tpm->tcti)
		Tss2_TctiLdr_Finalize(&tpm->tcti);
}

void tpm_flush(struct tpm_handle *handle)
{
	if (handle->tr != ESYS_TR_NONE)
		Esys_FlushContext(handle->tpm->esys, handle->tr);
	handle->tr = ESYS_TR_NONE;
}

int tpm_make_key(struct tpm_handle *handle, enum public_kind kind, uint8_t area[PUBLIC_MAX],
		 size_t *size, char error[CL_ERROR_SIZE])
{
	const TPM2B_SENSITIVE_CREATE sensitive = {0};
	const TPM2B_DATA outside = {0};
	const TPML_PCR_SELECTION pcrs = {0};
	TPM2B_PUBLIC in = {0}, *out = NULL;
	size_t at = 0;
	int length = public_template(kind, area, PUBLIC_MAX);

	if (length < 0)
		return clv_error(error, length, "TPM: a template does not fit");
	TSS2_RC rc = Tss2_MU_TPMT_PUBLIC_Unmarshal(area, (size_t)length, &at, &in.publicArea);
	if (!rc)
		rc = Esys_CreatePrimary(handle->tpm->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD,
					ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &in, &outside,
					&pcrs, &handle->tr, &out, NULL, NULL, NULL);
	at = 0;
	if (!rc)
		rc = Tss2_MU_TPMT_PUBLIC_Marshal(&out->publicArea, area, PUBLIC_MAX, &at);
	Esys_Free(out);
	*size = at;
	return rc ? tpm_error(error, rc,
			      kind == PUBLIC_AK ? "cannot make the attestation key"
						: "cannot make the endorsement key")
		  : 0;
}
