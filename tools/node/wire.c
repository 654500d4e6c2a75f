// SPDX-License-Identifier: Apache-2.0
// Messages of an enrolment: every size is checked before anything is copied.
#include "wire.h"
#include <errno.h>
#include <string.h>
#include "../../core/evidence/cbor.h"
#include "../../verify/cbor_in.h"

#define EK_CERTIFICATE_MAX 4096u

// The next pair of a map: this key, and a byte string of `least` to `most` bytes.
static int take_pair(struct clv_cbor *in, const char *key, size_t least, size_t most,
		     struct wire_bytes *value)
{
	const uint8_t *text;
	size_t size;

	if (clv_cbor_take_string(in, CLV_TEXT, &text, &size))
		return -EINVAL;
	if (size != strlen(key) || memcmp(text, key, size) != 0) {
		in->why = "a map has other keys";
		return -EINVAL;
	}
	if (clv_cbor_take_string(in, CLV_BYTES, &value->data, &value->size))
		return -EINVAL;
	if (value->size < least || value->size > most) {
		in->why = "a byte string is of a wrong size";
		return -EINVAL;
	}
	return 0;
}

static int take_map(struct clv_cbor *in, uint64_t pairs)
{
	uint64_t count;

	if (clv_cbor_take(in, CLV_MAP, &count))
		return -EINVAL;
	if (count != pairs) {
		in->why = "a map has other keys";
		return -EINVAL;
	}
	return 0;
}

static int result(const struct clv_cbor *in, int rc, const char **why)
{
	if (rc)
		*why = in->why;
	return rc ? -EINVAL : 0;
}

static int size_of(const struct cbor_out *out)
{
	return out->full ? -ENOSPC : (int)out->len;
}

int wire_put_enrol(const struct wire_enrol *message, uint8_t *out, size_t max)
{
	struct cbor_out o;

	cbor_begin(&o, out, max);
	cbor_put_map(&o, 3);
	cbor_put_text(&o, "ak-public");
	cbor_put_bytes(&o, message->ak_public.data, message->ak_public.size);
	cbor_put_text(&o, "ek-public");
	cbor_put_bytes(&o, message->ek_public.data, message->ek_public.size);
	cbor_put_text(&o, "ek-certificate");
	cbor_put_bytes(&o, message->ek_certificate.data, message->ek_certificate.size);
	return size_of(&o);
}

int wire_take_enrol(struct wire_enrol *message, const uint8_t *data, size_t size, const char **why)
{
	struct clv_cbor in = {.at = data, .end = data + size};
	int rc = take_map(&in, 3);

	if (!rc)
		rc = take_pair(&in, "ak-public", 1, PUBLIC_MAX, &message->ak_public);
	if (!rc)
		rc = take_pair(&in, "ek-public", 1, PUBLIC_MAX, &message->ek_public);
	if (!rc)
		rc = take_pair(&in, "ek-certificate", 1, EK_CERTIFICATE_MAX,
			       &message->ek_certificate);
	if (!rc)
		rc = clv_cbor_take_end(&in);
	return result(&in, rc, why);
}

int wire_put_activate(const struct credential *credential, uint8_t *out, size_t max)
{
	struct cbor_out o;

	cbor_begin(&o, out, max);
	cbor_put_map(&o, 2);
	cbor_put_text(&o, "seed");
	cbor_put_bytes(&o, credential->seed, credential->seed_size);
	cbor_put_text(&o, "credential");
	cbor_put_bytes(&o, credential->blob, CREDENTIAL_SIZE);
	return size_of(&o);
}

int wire_take_activate(struct credential *credential, const uint8_t *data, size_t size,
		       const char **why)
{
	struct clv_cbor in = {.at = data, .end = data + size};
	struct wire_bytes seed, blob;
	int rc = take_map(&in, 2);

	if (!rc)
		rc = take_pair(&in, "seed", 1, SEED_MAX, &seed);
	if (!rc)
		rc = take_pair(&in, "credential", CREDENTIAL_SIZE, CREDENTIAL_SIZE, &blob);
	if (!rc)
		rc = clv_cbor_take_end(&in);
	if (rc)
		return result(&in, rc, why);
	memset(credential, 0, sizeof(*credential));
	memcpy(credential->seed, seed.data, seed.size);
	memcpy(credential->blob, blob.data, CREDENTIAL_SIZE);
	credential->seed_size = seed.size;
	return 0;
}

int wire_put_secret(const uint8_t secret[SECRET_SIZE], uint8_t out[WIRE_SECRET_SIZE])
{
	struct cbor_out o;

	cbor_begin(&o, out, WIRE_SECRET_SIZE);
	cbor_put_bytes(&o, secret, SECRET_SIZE);
	return size_of(&o);
}

int wire_take_secret(uint8_t secret[SECRET_SIZE], const uint8_t *data, size_t size,
		     const char **why)
{
	struct clv_cbor in = {.at = data, .end = data + size};
	const uint8_t *bytes;
	size_t length = 0;

	if (clv_cbor_take_string(&in, CLV_BYTES, &bytes, &length) || clv_cbor_take_end(&in)) {
		*why = in.why;
		return -EINVAL;
	}
	if (length != SECRET_SIZE) {
		*why = "a byte string is of a wrong size";
		return -EINVAL;
	}
	memcpy(secret, bytes, SECRET_SIZE);
	return 0;
}
