// SPDX-License-Identifier: Apache-2.0
#include "message.h"
#include <string.h>
#include "array.h"

enum kind { HELLO = 1, PROOF = 2, REFUSAL = 3 };

#define CBOR_NULL 0xf6 /* RFC 8949, section 3.3 */

int message_put_hello(const uint8_t nonce[CHANNEL_NONCE_SIZE], const char *protocol, uint8_t *data,
		      size_t max)
{
	struct cbor_out out;

	array_begin(&out, data, max, 3, HELLO);
	cbor_put_bytes(&out, nonce, CHANNEL_NONCE_SIZE);
	cbor_put_text(&out, protocol);
	return array_end(&out);
}

int message_put_proof(const uint8_t *evidence, size_t size, uint8_t *data, size_t max)
{
	struct cbor_out out;

	array_begin(&out, data, max, 2, PROOF);
	if (evidence) {
		cbor_put_bytes(&out, evidence, size);
		return array_end(&out);
	}
	if (out.full || out.len == max)
		return -ENOSPC;
	data[out.len] = CBOR_NULL;
	return (int)out.len + 1;
}

int message_put_refusal(const char *reason, uint8_t *data, size_t max)
{
	char text[CHANNEL_REASON_MAX + 1] = "";
	struct cbor_out out;

	strncat(text, reason, CHANNEL_REASON_MAX);
	array_begin(&out, data, max, 2, REFUSAL);
	cbor_put_text(&out, text);
	return array_end(&out);
}

static int wrong(const char **why, const char *reason)
{
	*why = reason;
	return -EPROTO;
}

// Printable ASCII only, of at most `max` bytes.
static bool take_name(struct clv_cbor *in, char *text, size_t max)
{
	const uint8_t *data;
	size_t size;

	if (clv_cbor_take_string(in, CLV_TEXT, &data, &size) || !size || size > max)
		return false;
	for (size_t i = 0; i < size; i++)
		if (data[i] < ' ' || data[i] > '~')
			return false;
	memcpy(text, data, size);
	text[size] = '\0';
	return true;
}

int message_take_hello(const uint8_t *data, size_t size, uint8_t nonce[CHANNEL_NONCE_SIZE],
		       char protocol[CHANNEL_PROTOCOL_MAX + 1], const char **why)
{
	struct clv_cbor in;
	uint64_t items, kind;
	const uint8_t *bytes;
	size_t length;

	if (array_open(&in, data, size, &items, &kind) || kind != HELLO || items != 3)
		return wrong(why, "the peer's first message is no hello");
	if (clv_cbor_take_string(&in, CLV_BYTES, &bytes, &length) || length != CHANNEL_NONCE_SIZE)
		return wrong(why, "the hello has no nonce of 32 bytes");
	if (!take_name(&in, protocol, CHANNEL_PROTOCOL_MAX) || clv_cbor_take_end(&in))
		return wrong(why, "the hello names no protocol");
	memcpy(nonce, bytes, CHANNEL_NONCE_SIZE);
	return 0;
}

static int take_refusal(struct clv_cbor *in, struct message_proof *proof, const char **why)
{
	const uint8_t *text;
	size_t size;

	if (clv_cbor_take_string(in, CLV_TEXT, &text, &size) || !size ||
	    size > CHANNEL_REASON_MAX || clv_cbor_take_end(in))
		return wrong(why, "the peer refuses, and its reason is malformed");
	for (size_t i = 0; i < size; i++)
		proof->refusal[i] = (char)(text[i] < ' ' || text[i] > '~' ? '?' : text[i]);
	proof->refusal[size] = '\0';
	return 0;
}

int message_take_proof(const uint8_t *data, size_t size, struct message_proof *proof,
		       const char **why)
{
	struct clv_cbor in;
	uint64_t items, kind;

	memset(proof, 0, sizeof(*proof));
	if (array_open(&in, data, size, &items, &kind) || items != 2 ||
	    (kind != PROOF && kind != REFUSAL))
		return wrong(why, "neither a proof nor a refusal");
	if (kind == REFUSAL)
		return take_refusal(&in, proof, why);
	if (in.end - in.at == 1 && *in.at == CBOR_NULL)
		return 0;
	if (clv_cbor_take_string(&in, CLV_BYTES, &proof->evidence, &proof->size) ||
	    clv_cbor_take_end(&in) || !proof->size || proof->size > CL_EVIDENCE_MAX)
		return wrong(why, "the proof is malformed");
	return 0;
}
