// SPDX-License-Identifier: Apache-2.0
// TPM 2.0 Library, part 3: commands; part 1, section 19: sessions. An error code comes from no
// session, so anyone can forge it: it only ever leads to a refusal, or to a command whose success
// cannot be forged ("there is no such index" is believed once the TPM has defined it).
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_rc.h>
#include "counter.h"

#define COUNTER_BYTES 8u
#define ATTRIBUTES                                                                                 \
	(TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA |                                    \
	 (TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT))
#define SESSION_ATTRIBUTES (TPMA_SESSION_CONTINUESESSION)

static int refuse(char why[COUNTER_WHY], const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static int refuse(char why[COUNTER_WHY], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, COUNTER_WHY, format, args);
	va_end(args);
	return -EIO;
}

static int failed(char why[COUNTER_WHY], const char *what, TSS2_RC rc)
{
	TSS2_RC plain = rc & ~TSS2_RC_LAYER_MASK;

	if (rc == TSS2_TCTI_RC_IO_ERROR)
		return refuse(why,
			      "%s: no answer from the TPM (has the host none, or does it keep "
			      "it back?)",
			      what);
	if (plain == TSS2_BASE_RC_RSP_AUTH_FAILED)
		return refuse(why, "%s: the answer is not the TPM's: someone changed it on its way",
			      what);
	return refuse(why, "%s: %s", what, Tss2_RC_Decode(rc));
}

// TCG EK Credential Profile, and TCG TPM v2.0 Provisioning Guidance, section 7.5.1: the storage
// root key; as the Core makes it.
static void srk_template(TPM2B_PUBLIC *public)
{
	*public = (TPM2B_PUBLIC){0};
	TPMT_PUBLIC *area = &public->publicArea;
	area->type = TPM2_ALG_ECC;
	area->nameAlg = TPM2_ALG_SHA256;
	area->objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
				 TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
				 TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
	area->parameters.eccDetail.symmetric.algorithm = TPM2_ALG_AES;
	area->parameters.eccDetail.symmetric.keyBits.aes = 128;
	area->parameters.eccDetail.symmetric.mode.aes = TPM2_ALG_CFB;
	area->parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
	area->parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
	area->parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
}

static int same_parameter(const TPM2B_ECC_PARAMETER *p, const uint8_t expected[32])
{
	// Leading zeros may have been left out.
	uint8_t padded[32] = {0};
	if (p->size > sizeof(padded))
		return 0;
	memcpy(padded + sizeof(padded) - p->size, p->buffer, p->size);
	return memcmp(padded, expected, sizeof(padded)) == 0;
}

static int is_srk(const TPM2B_PUBLIC *public, const uint8_t *x, const uint8_t *y)
{
	TPM2B_PUBLIC expected;
	TPMT_PUBLIC area = public->publicArea;
	const TPMS_ECC_POINT *point = &public->publicArea.unique.ecc;

	srk_template(&expected);
	const TPMS_ECC_PARMS *a = &area.parameters.eccDetail;
	const TPMS_ECC_PARMS *b = &expected.publicArea.parameters.eccDetail;
	if (area.type != TPM2_ALG_ECC || area.nameAlg != TPM2_ALG_SHA256 ||
	    area.objectAttributes != expected.publicArea.objectAttributes ||
	    area.authPolicy.size != 0 || a->symmetric.algorithm != b->symmetric.algorithm ||
	    a->symmetric.keyBits.aes != b->symmetric.keyBits.aes ||
	    a->symmetric.mode.aes != b->symmetric.mode.aes ||
	    a->scheme.scheme != b->scheme.scheme || a->curveID != b->curveID ||
	    a->kdf.scheme != b->kdf.scheme)
		return 0;
	return !x || (same_parameter(&point->x, x) && same_parameter(&point->y, y));
}

static int make_srk(struct counter *c, const uint8_t *x, const uint8_t *y, char why[COUNTER_WHY])
{
	static const TPM2B_SENSITIVE_CREATE no_secret;
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	TPM2B_PUBLIC template;
	TPM2B_PUBLIC *public = NULL;

	srk_template(&template);
	TSS2_RC rc = Esys_CreatePrimary(c->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					ESYS_TR_NONE, &no_secret, &template, &no_data, &no_pcrs,
					&c->srk, &public, NULL, NULL, NULL);
	if (rc)
		return failed(why, "storage key", rc);
	int genuine = is_srk(public, x, y);
	Esys_Free(public);
	return genuine ? 0
		       : refuse(why, "this is not the TPM that the Core knows: the host answers in "
				     "its place");
}

static int start_session(struct counter *c, char why[COUNTER_WHY])
{
	static const TPMT_SYM_DEF aes = {
		.algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};

	TSS2_RC rc = Esys_StartAuthSession(c->esys, c->srk, ESYS_TR_NONE, ESYS_TR_NONE,
					   ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_HMAC, &aes,
					   TPM2_ALG_SHA256, &c->session);
	if (!rc)
		rc = Esys_TRSess_SetAttributes(c->esys, c->session, SESSION_ATTRIBUTES, 0xff);
	return rc ? failed(why, "session", rc) : 0;
}

int counter_open(struct counter *c, TSS2_TCTI_CONTEXT *tcti, const uint8_t *srk_x,
		 const uint8_t *srk_y, const struct volume_keys *keys, char why[COUNTER_WHY])
{
	*c = (struct counter){.srk = ESYS_TR_NONE,
			      .session = ESYS_TR_NONE,
			      .index = ESYS_TR_NONE,
			      .handle = keys->index,
			      .auth.size = COUNTER_AUTH};
	memcpy(c->auth.buffer, keys->auth, COUNTER_AUTH);
	setenv("TSS2_LOG", "all+none", 1); // the console is for what people can act on
	TSS2_RC rc = Esys_Initialize(&c->esys, tcti, NULL);
	if (rc)
		return failed(why, "TPM library", rc);
	int error = make_srk(c, srk_x, srk_y, why);
	return error ? error : start_session(c, why);
}

static int read_value(struct counter *c, uint64_t *value, char why[COUNTER_WHY])
{
	TPM2B_MAX_NV_BUFFER *data = NULL;

	TSS2_RC rc = Esys_NV_Read(c->esys, c->index, c->index, c->session, ESYS_TR_NONE,
				  ESYS_TR_NONE, COUNTER_BYTES, 0, &data);
	if (rc)
		return failed(why, "reading the counter", rc);
	int whole = data->size == COUNTER_BYTES;
	*value = 0;
	for (unsigned i = 0; whole && i < COUNTER_BYTES; i++)
		*value = *value << 8 | data->buffer[i];
	Esys_Free(data);
	return whole ? 0 : refuse(why, "reading the counter: %u bytes expected", COUNTER_BYTES);
}

// In the session, so that the answer is the TPM's: what the library asks for by itself is not, but
// of that it only uses the index's name, and with a wrong one no command succeeds.
static int check_public(struct counter *c, int *raised, char why[COUNTER_WHY])
{
	TPM2B_NV_PUBLIC *public = NULL;

	TSS2_RC rc = Esys_TRSess_SetAttributes(c->esys, c->session,
					       SESSION_ATTRIBUTES | TPMA_SESSION_ENCRYPT, 0xff);
	if (!rc)
		rc = Esys_NV_ReadPublic(c->esys, c->index, c->session, ESYS_TR_NONE, ESYS_TR_NONE,
					&public, NULL);
	if (!rc)
		rc = Esys_TRSess_SetAttributes(c->esys, c->session, SESSION_ATTRIBUTES, 0xff);
	if (rc)
		return failed(why, "the counter's attributes", rc);
	TPMS_NV_PUBLIC p = public->nvPublic;
	Esys_Free(public);
	*raised = (p.attributes & TPMA_NV_WRITTEN) != 0;
	if (p.nvIndex != c->handle || p.nameAlg != TPM2_ALG_SHA256 ||
	    (p.attributes & ~TPMA_NV_WRITTEN) != ATTRIBUTES || p.authPolicy.size != 0 ||
	    p.dataSize != COUNTER_BYTES)
		return refuse(why,
			      "NV index 0x%08x is taken by something that is not this volume's "
			      "counter; if nobody needs it: tpm2_nvundefine 0x%08x",
			      c->handle, c->handle);
	return 0;
}

int counter_find(struct counter *c, enum counter_state *state, uint64_t *value,
		 char why[COUNTER_WHY])
{
	int raised = 0;

	*state = COUNTER_NONE;
	*value = 0;
	TSS2_RC rc = Esys_TR_FromTPMPublic(c->esys, c->handle, ESYS_TR_NONE, ESYS_TR_NONE,
					   ESYS_TR_NONE, &c->index);
	if ((rc & ~TPM2_RC_N_MASK) == TPM2_RC_HANDLE) {
		c->index = ESYS_TR_NONE;
		return 0;
	}
	if (!rc)
		rc = Esys_TR_SetAuth(c->esys, c->index, &c->auth);
	if (rc)
		return failed(why, "looking for the counter", rc);
	int error = check_public(c, &raised, why);
	if (error)
		return error;
	*state = raised ? COUNTER_SET : COUNTER_NEW;
	return raised ? read_value(c, value, why) : 0;
}

int counter_define(struct counter *c, char why[COUNTER_WHY])
{
	TPM2B_NV_PUBLIC public = {0};

	public.nvPublic.nvIndex = c->handle;
	public.nvPublic.nameAlg = TPM2_ALG_SHA256;
	public.nvPublic.attributes = ATTRIBUTES;
	public.nvPublic.dataSize = COUNTER_BYTES;
	// The auth value is the command's first parameter: encrypted on its way.
	TSS2_RC rc = Esys_TRSess_SetAttributes(c->esys, c->session,
					       SESSION_ATTRIBUTES | TPMA_SESSION_DECRYPT, 0xff);
	if (!rc)
		rc = Esys_NV_DefineSpace(c->esys, ESYS_TR_RH_OWNER, c->session, ESYS_TR_NONE,
					 ESYS_TR_NONE, &c->auth, &public, &c->index);
	if (!rc)
		rc = Esys_TRSess_SetAttributes(c->esys, c->session, SESSION_ATTRIBUTES, 0xff);
	return rc ? failed(why, "making the counter", rc) : 0;
}

int counter_raise(struct counter *c, uint64_t *value, char why[COUNTER_WHY])
{
	TSS2_RC rc = Esys_NV_Increment(c->esys, c->index, c->index, c->session, ESYS_TR_NONE,
				       ESYS_TR_NONE);
	return rc ? failed(why, "raising the counter", rc) : read_value(c, value, why);
}

void counter_close(struct counter *c)
{
	if (!c->esys)
		return;
	// What the host's resource manager would drop anyway.
	if (c->session != ESYS_TR_NONE)
		Esys_FlushContext(c->esys, c->session);
	if (c->srk != ESYS_TR_NONE)
		Esys_FlushContext(c->esys, c->srk);
	Esys_Finalize(&c->esys);
	explicit_bzero(c, sizeof(*c));
}
