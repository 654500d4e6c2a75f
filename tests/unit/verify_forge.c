// SPDX-License-Identifier: Apache-2.0
// Forge reports with a key of OpenSSL's.
#include "verify_forge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include <cloister/call.h>
#include <cloister/report.h>

static EVP_PKEY *forge_key(void)
{
	static EVP_PKEY *key;

	if (!key)
		key = EVP_EC_gen("P-256");
	return key;
}

const uint8_t *forge_public(void)
{
	static uint8_t point[65];
	size_t size;

	assert_int_equal(EVP_PKEY_get_octet_string_param(forge_key(), OSSL_PKEY_PARAM_PUB_KEY,
							 point, sizeof(point), &size),
			 1);
	assert_int_equal(size, sizeof(point));
	return point + 1;
}

void forge_default(struct forge *f, const uint8_t data[64], const uint8_t digest[48])
{
	static const uint8_t build[CL_BUILD_SIZE] = {0xb1, 0xd0};
	const struct forge_claim claims[FORGE_CLAIMS] = {
		{.key = 10, .kind = FORGE_BYTES, .data = data, .size = 64},
		{.key = 263, .kind = FORGE_UINT, .number = 3},
		{.key = 265, .kind = FORGE_TEXT, .data = CL_REPORT_PROFILE},
		{.key = -70001, .kind = FORGE_BYTES, .data = digest, .size = 48},
		{.key = -70002, .kind = FORGE_UINT, .number = 7},
		{.key = -70003, .kind = FORGE_UINT, .number = 1},
		{.key = -70004, .kind = FORGE_UINT, .number = 256 << 20},
		{.key = -70005, .kind = FORGE_UINT, .number = 1024},
		{.key = -70006, .kind = FORGE_UINT, .number = 1000},
		{.key = -70007, .kind = FORGE_UINT, .number = 0},
		{.key = -70008, .kind = FORGE_TEXT, .data = "0.1.0+g1234567"},
		{.key = -70009, .kind = FORGE_TEXT, .data = "none"},
		{.key = -70010, .kind = FORGE_TEXT, .data = "none"},
		{.key = -70011, .kind = FORGE_TEXT, .data = "none"},
		{.key = -70012, .kind = FORGE_BYTES, .data = build, .size = sizeof(build)},
	};

	*f = (struct forge){
		.tag = 18,
		.items = 4,
		.alg_key = 1,
		.alg = -7,
		.unprotected = 1,
		.key_key = CL_HDR_CORE_KEY,
		.key_size = 64,
		.sig_size = 64,
		.nr_claims = FORGE_CLAIMS,
		.said_claims = FORGE_CLAIMS,
	};
	memcpy(f->claim, claims, sizeof(claims));
}

struct forge_claim *forge_claim(struct forge *f, int64_t key)
{
	for (size_t i = 0; i < f->nr_claims; i++)
		if (f->claim[i].key == key)
			return &f->claim[i];
	fail_msg("no claim %lld", (long long)key);
	return NULL;
}

static void put_raw(struct cbor_out *o, const void *data, size_t size)
{
	assert_true(size <= o->cap - o->len);
	if (size)
		memcpy(o->buf + o->len, data, size);
	o->len += size;
}

static void put_claims(struct cbor_out *o, const struct forge *f)
{
	if (f->raw_payload) {
		put_raw(o, f->raw_payload, f->raw_payload_size);
		return;
	}
	cbor_put_map(o, f->said_claims);
	for (size_t i = 0; i < f->nr_claims; i++) {
		const struct forge_claim *c = &f->claim[i];

		cbor_put_int(o, c->key);
		switch (c->kind) {
		case FORGE_UINT:
			cbor_put_uint(o, c->number);
			break;
		case FORGE_BYTES:
			cbor_put_bytes(o, c->data, c->size);
			break;
		case FORGE_TEXT:
			cbor_put_text(o, c->data);
			break;
		case FORGE_RAW:
			put_raw(o, c->data, c->size);
			break;
		}
	}
}

static void put_protected(struct cbor_out *o, const struct forge *f)
{
	if (f->raw_protected) {
		put_raw(o, f->raw_protected, f->raw_protected_size);
		return;
	}
	cbor_put_map(o, 1);
	cbor_put_int(o, f->alg_key);
	cbor_put_int(o, f->alg);
}

static void sign(uint8_t raw[64], const struct cbor_out *protected, const struct cbor_out *payload)
{
	uint8_t buf[8192], der[80];
	const uint8_t *at = der;
	size_t size = sizeof(der);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct cbor_out tbs;
	ECDSA_SIG *sig;

	cbor_begin(&tbs, buf, sizeof(buf));
	cbor_put_array(&tbs, 4);
	cbor_put_text(&tbs, "Signature1");
	cbor_put_bytes(&tbs, protected->buf, protected->len);
	cbor_put_bytes(&tbs, payload->buf, 0);
	cbor_put_bytes(&tbs, payload->buf, payload->len);
	assert_false(tbs.full);
	assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, forge_key(), NULL),
			 1);
	assert_int_equal(EVP_DigestSign(ctx, der, &size, tbs.buf, tbs.len), 1);
	sig = d2i_ECDSA_SIG(NULL, &at, (long)size);
	assert_non_null(sig);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32), 32);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32), 32);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
}

size_t forge_make(const struct forge *f, uint8_t *out, size_t cap)
{
	uint8_t protected_buf[256], payload_buf[4096], sig[128] = {0}, key[128] = {0};
	struct cbor_out protected, payload, o;

	cbor_begin(&protected, protected_buf, sizeof(protected_buf));
	put_protected(&protected, f);
	cbor_begin(&payload, payload_buf, sizeof(payload_buf));
	put_claims(&payload, f);
	assert_false(protected.full || payload.full);
	sign(sig, &protected, &payload);
	memcpy(key, forge_public(), 64);

	cbor_begin(&o, out, cap);
	if (f->tag)
		cbor_put_tag(&o, f->tag);
	cbor_put_array(&o, f->items);
	cbor_put_bytes(&o, protected.buf, protected.len);
	cbor_put_map(&o, f->unprotected);
	for (size_t i = 0; i < f->unprotected; i++) {
		cbor_put_int(&o, f->key_key - (int64_t)i);
		cbor_put_bytes(&o, key, f->key_size);
	}
	cbor_put_bytes(&o, payload.buf, payload.len);
	cbor_put_bytes(&o, sig, f->sig_size);
	for (size_t i = 4; i < f->items; i++)
		cbor_put_uint(&o, 0);
	assert_false(o.full);
	return o.len;
}
