// SPDX-License-Identifier: Apache-2.0
// The four requests. Each opens the TPM for itself, so that nobody is shut out between them.
#include "answers.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include "../cloister/cleanup.h"
#include "../cloister/corecall.h"
#include "ak_cert.h"
#include "bundle.h"
#include "files.h"
#include "hex.h"
#include "tpm.h"
#include "wire.h"

#define TEXT_MAX 512

void answer_text(struct answer *a, unsigned int status, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text) - 1, format, args);
	va_end(args);
	size_t size = strlen(text);
	memcpy(text + size, "\n", 2);
	free(a->body);
	*a = (struct answer){.status = status, .type = WIRE_TYPE_TEXT};
	a->body = (uint8_t *)strdup(text);
	a->size = a->body ? size + 1 : 0;
}

// A body of `size` bytes that was made by an encoder, or its failure.
static void answer_cbor(struct answer *a, const uint8_t *body, int size)
{
	free(a->body);
	*a = (struct answer){.status = 200, .type = WIRE_TYPE_CBOR};
	a->body = size > 0 ? malloc((size_t)size) : NULL;
	if (!a->body) {
		answer_text(a, 500,
			    "the answer cannot be made: it is too long, or there is no "
			    "memory");
		return;
	}
	memcpy(a->body, body, (size_t)size);
	a->size = (size_t)size;
}

#define cleanup_tpm __attribute__((cleanup(tpm_close)))

// The certificate that is kept, if it certifies the AK of the TPM that is here now.
static int load_certificate(struct node *node, const struct tpm_quote *quote,
			    uint8_t der[CL_AK_CERT_MAX], struct wire_bytes *certificate,
			    struct answer *a)
{
	const char *why;
	int size = file_read(node->state, AK_CERT_FILE, der, CL_AK_CERT_MAX);

	if (size < 0) {
		answer_text(a, size == -ENOENT ? 404 : 500, "%s",
			    size == -ENOENT ? "this node is not enrolled: it has no AK "
					      "certificate; `cloister node enroll` gives it one"
					    : "the AK certificate cannot be read");
		return -1;
	}
	if (ak_cert_check(der, (size_t)size, quote->ak, quote->ak_size, NULL, &why)) {
		answer_text(a, 409,
			    "the AK certificate is of no use: %s; enrol this node again (was its "
			    "TPM exchanged?)",
			    why);
		return -1;
	}
	*certificate = (struct wire_bytes){der, (size_t)size};
	return 0;
}

void answer_evidence(struct node *node, const char *nonce, struct answer *a)
{
	cleanup_tpm struct tpm tpm = {NULL, NULL};
	uint8_t bytes[CL_EVIDENCE_NONCE_SIZE], certificate[CL_AK_CERT_MAX], quoted[2048];
	struct tpm_quote quote;
	struct bundle bundle = {0};
	char error[CL_ERROR_SIZE];
	size_t log_size = 0;

	if (!nonce || hex_parse(nonce, bytes, sizeof(bytes))) {
		answer_text(a, 400, "nonce: exactly 64 hex digits expected");
		return;
	}
	if (tpm_open(&tpm, node->tcti, error) || tpm_quote(&tpm, bytes, &quote, error)) {
		answer_text(a, 503, "%s", error);
		return;
	}
	if (load_certificate(node, &quote, certificate, &bundle.ak, a))
		return;
	cleanup_free struct {
		uint8_t log[CL_BOOT_LOG_MAX], out[CL_EVIDENCE_MAX];
	} *room = malloc(sizeof(*room));
	if (!room) {
		answer_text(a, 503, "no memory");
		return;
	}
	int rc = core_boot_log(room->log, &log_size);
	if (rc) {
		answer_text(a, 503, "the Core: %s",
			    rc == -ENODEV  ? "nothing answers beneath this host"
			    : rc == -EPERM ? "no right to call it; run the service as root"
					   : strerror(-rc));
		return;
	}
	rc = bundle_put_quote(&quote, quoted, sizeof(quoted));
	bundle.quote = (struct wire_bytes){quoted, rc > 0 ? (size_t)rc : 0};
	bundle.boot_log = (struct wire_bytes){room->log, log_size};
	answer_cbor(a, room->out, rc < 0 ? rc : bundle_put(&bundle, room->out, CL_EVIDENCE_MAX));
}

void answer_enrol(struct node *node, const char *ek_kind, struct answer *a)
{
	cleanup_tpm struct tpm tpm = {NULL, NULL};
	uint8_t der[EK_CERT_MAX], ek_area[PUBLIC_MAX], ak_area[PUBLIC_MAX], out[WIRE_ENROL_MAX];
	struct wire_enrol message = {.ek_certificate = {der, 0}};
	enum public_kind kind = ek_kind && !strcmp(ek_kind, "rsa") ? PUBLIC_EK_RSA : PUBLIC_EK_ECC;
	char error[CL_ERROR_SIZE];

	if (ek_kind && kind == PUBLIC_EK_ECC && strcmp(ek_kind, "ecc") != 0) {
		answer_text(a, 400, "ek: ecc or rsa expected");
		return;
	}
	int rc = tpm_open(&tpm, node->tcti, error);
	if (!rc)
		rc = tpm_ek_certificate(&tpm, kind, der, &message.ek_certificate.size, error);
	if (!rc) {
		cleanup_handle struct tpm_handle ek = {&tpm, ESYS_TR_NONE};
		message.ek_public.data = ek_area;
		rc = tpm_make_key(&ek, kind, ek_area, &message.ek_public.size, error);
	}
	if (!rc) {
		cleanup_handle struct tpm_handle ak = {&tpm, ESYS_TR_NONE};
		message.ak_public.data = ak_area;
		rc = tpm_make_key(&ak, PUBLIC_AK, ak_area, &message.ak_public.size, error);
	}
	if (rc)
		answer_text(a, 503, "%s", error);
	else
		answer_cbor(a, out, wire_put_enrol(&message, out, sizeof(out)));
}

void answer_activate(struct node *node, const uint8_t *body, size_t size, struct answer *a)
{
	cleanup_tpm struct tpm tpm = {NULL, NULL};
	uint8_t secret[SECRET_SIZE], out[WIRE_SECRET_SIZE];
	struct credential credential;
	char error[CL_ERROR_SIZE];
	const char *why;

	if (wire_take_activate(&credential, body, size, &why)) {
		answer_text(a, 400, "the request is malformed: %s", why);
		return;
	}
	int rc = tpm_open(&tpm, node->tcti, error);
	// A seed for an RSA key is as long as its modulus; a point of P-256 is shorter.
	if (!rc)
		rc = tpm_activate(&tpm, credential.seed_size == 256 ? PUBLIC_EK_RSA : PUBLIC_EK_ECC,
				  &credential, secret, error);
	if (rc)
		answer_text(a, 503, "%s", error);
	else
		answer_cbor(a, out, wire_put_secret(secret, out));
	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_cleanse(out, sizeof(out));
}

void answer_ak(struct node *node, const uint8_t *body, size_t size, struct answer *a)
{
	cleanup_tpm struct tpm tpm = {NULL, NULL};
	uint8_t area[PUBLIC_MAX], kept[CL_AK_CERT_MAX];
	char error[CL_ERROR_SIZE];
	size_t area_size;
	const char *why;

	int rc = tpm_open(&tpm, node->tcti, error);
	if (!rc) {
		cleanup_handle struct tpm_handle ak = {&tpm, ESYS_TR_NONE};
		rc = tpm_make_key(&ak, PUBLIC_AK, area, &area_size, error);
	}
	if (rc) {
		answer_text(a, 503, "%s", error);
		return;
	}
	int old = file_read(node->state, AK_CERT_FILE, kept, sizeof(kept));
	if (ak_cert_check(body, size, area, area_size, node->ca, &why) ||
	    ak_cert_newer(body, size, kept, old > 0 ? (size_t)old : 0, node->ca, time(NULL),
			  &why)) {
		answer_text(a, 400, "the certificate is not kept: %s", why);
		return;
	}
	rc = file_replace(node->state, AK_CERT_FILE, body, size, 0644);
	if (rc)
		answer_text(a, 500, "the certificate cannot be written: %s", strerror(-rc));
	else
		answer_text(a, 200, "the certificate is kept");
}
