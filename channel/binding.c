// SPDX-License-Identifier: Apache-2.0
#include "binding.h"
#include <errno.h>
#include <openssl/evp.h>
#include "../core/evidence/cbor.h"

#define LABEL "cloister channel 1"

int channel_binding(const struct channel_session *s, enum channel_role role,
		    uint8_t binding[CL_EVIDENCE_NONCE_SIZE])
{
	uint8_t text[256];
	struct cbor_out out;

	cbor_begin(&out, text, sizeof(text));
	cbor_put_array(&out, 7);
	cbor_put_text(&out, LABEL);
	cbor_put_text(&out, role == CHANNEL_INITIATOR ? "initiator" : "responder");
	cbor_put_bytes(&out, s->nonce[CHANNEL_INITIATOR], CHANNEL_NONCE_SIZE);
	cbor_put_bytes(&out, s->nonce[CHANNEL_RESPONDER], CHANNEL_NONCE_SIZE);
	cbor_put_bytes(&out, s->exporter, CHANNEL_EXPORTER_SIZE);
	cbor_put_bytes(&out, s->spki[CHANNEL_INITIATOR], CL_REPORT_SPKI_SIZE);
	cbor_put_bytes(&out, s->spki[CHANNEL_RESPONDER], CL_REPORT_SPKI_SIZE);
	if (out.full || EVP_Digest(text, out.len, binding, NULL, EVP_sha256(), NULL) != 1)
		return -EIO;
	return 0;
}
