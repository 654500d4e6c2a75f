// SPDX-License-Identifier: Apache-2.0
// Parse a zone report: exactly the form that cloister/report.h describes, and nothing else.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cbor_in.h"
#include "parse.h"

#define COSE_TAG_SIGN1 18u
#define COSE_HDR_ALG   1
#define COSE_ALG_ES256 (-7)

enum kind {
	KIND_BYTES, /* exactly max bytes */
	KIND_UINT,  /* at most max */
	KIND_TEXT,  /* 1 … max printable ASCII characters, no spaces */
};

/* All claims are mandatory: a profile with optional parts would leave room for silence. */
static const struct claim {
	int64_t key;
	const char *name;
	enum kind kind;
	uint64_t max;
	size_t offset; /* into struct cl_report */
	size_t width;  /* of an integer there */
} claims[] = {
#define CLAIM(key, name, kind, max, field)                                                         \
	{                                                                                          \
		key, name, kind, max, offsetof(struct cl_report, field),                           \
			sizeof(((struct cl_report *)0)->field)                                     \
	}
	CLAIM(CL_CLAIM_EAT_NONCE, "eat_nonce", KIND_BYTES, CL_REPORT_DATA, data),
	CLAIM(CL_CLAIM_DBGSTAT, "dbgstat", KIND_UINT, 4, dbgstat),
	/* The profile has no field: parse_claims compares it. */
	{CL_CLAIM_EAT_PROFILE, "eat_profile", KIND_TEXT, 64, 0, 0},
	CLAIM(CL_CLAIM_DIGEST, "digest", KIND_BYTES, CL_DIGEST_SIZE, digest),
	CLAIM(CL_CLAIM_INSTANCE, "instance", KIND_UINT, INT64_MAX, instance),
	CLAIM(CL_CLAIM_VCPUS, "vcpus", KIND_UINT, UINT32_MAX, vcpus),
	CLAIM(CL_CLAIM_MEMORY, "memory", KIND_UINT, INT64_MAX, memory_bytes),
	CLAIM(CL_CLAIM_WINDOW, "window", KIND_UINT, UINT32_MAX, window_pages),
	CLAIM(CL_CLAIM_IDLE_MS, "idle_ms", KIND_UINT, UINT32_MAX, idle_ms),
	CLAIM(CL_CLAIM_POLICY, "policy", KIND_UINT, UINT64_MAX, policy),
	CLAIM(CL_CLAIM_CORE_VERSION, "core_version", KIND_TEXT, CL_TEXT_SIZE - 1, core_version),
	CLAIM(CL_CLAIM_IOMMU, "iommu", KIND_TEXT, CL_TEXT_SIZE - 1, iommu),
	CLAIM(CL_CLAIM_ROOT, "root", KIND_TEXT, CL_TEXT_SIZE - 1, root),
	CLAIM(CL_CLAIM_REMAP, "remap", KIND_TEXT, CL_TEXT_SIZE - 1, remap),
	CLAIM(CL_CLAIM_BUILD, "build", KIND_BYTES, CL_BUILD_SIZE, build),
#undef CLAIM
};

#define NR_CLAIMS (sizeof(claims) / sizeof(claims[0]))

__attribute__((format(printf, 2, 3))) static int refuse(char reason[CL_REASON_SIZE],
							const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, CL_REASON_SIZE, fmt, args);
	va_end(args);
	return -1;
}

static int parse_text(struct clv_cbor *in, const struct claim *claim, struct cl_report *out,
		      char reason[CL_REASON_SIZE])
{
	const uint8_t *text;
	size_t size;

	if (clv_cbor_take_string(in, CLV_TEXT, &text, &size))
		return refuse(reason, "claim %s is malformed: %s", claim->name, in->why);
	if (size == 0 || size > claim->max)
		return refuse(reason, "claim %s has %zu characters, not 1 to %llu", claim->name,
			      size, (unsigned long long)claim->max);
	/* It will be shown on terminals. */
	for (size_t i = 0; i < size; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return refuse(reason, "claim %s has unprintable characters", claim->name);
	if (claim->key == CL_CLAIM_EAT_PROFILE) {
		if (size != strlen(CL_REPORT_PROFILE) || memcmp(text, CL_REPORT_PROFILE, size) != 0)
			return refuse(reason, "its profile is %.*s, not " CL_REPORT_PROFILE,
				      (int)size, (const char *)text);
		return 0;
	}
	memcpy((char *)out + claim->offset, text, size); /* the rest is zero already */
	return 0;
}

static int parse_value(struct clv_cbor *in, const struct claim *claim, struct cl_report *out,
		       char reason[CL_REASON_SIZE])
{
	uint8_t *field = (uint8_t *)out + claim->offset;
	const uint8_t *bytes;
	uint64_t value;
	size_t size;

	switch (claim->kind) {
	case KIND_BYTES:
		if (clv_cbor_take_string(in, CLV_BYTES, &bytes, &size))
			break;
		if (size != claim->max)
			return refuse(reason, "claim %s has %zu bytes, not %llu", claim->name, size,
				      (unsigned long long)claim->max);
		memcpy(field, bytes, size);
		return 0;
	case KIND_UINT:
		if (clv_cbor_take(in, CLV_UINT, &value))
			break;
		if (value > claim->max)
			return refuse(reason, "claim %s is %llu, more than %llu", claim->name,
				      (unsigned long long)value, (unsigned long long)claim->max);
		if (claim->width == sizeof(uint32_t)) {
			uint32_t narrow = (uint32_t)value;

			memcpy(field, &narrow, sizeof(narrow));
		} else {
			memcpy(field, &value, sizeof(value));
		}
		return 0;
	case KIND_TEXT:
		return parse_text(in, claim, out, reason);
	}
	return refuse(reason, "claim %s is malformed: %s", claim->name, in->why);
}

static const struct claim *find_claim(int64_t key)
{
	for (size_t i = 0; i < NR_CLAIMS; i++)
		if (claims[i].key == key)
			return &claims[i];
	return NULL;
}

/* Bytewise order of the encodings (RFC 8949, section 4.2.1): 0, 1, … and then -1, -2, …. */
static bool key_follows(int64_t previous, int64_t key)
{
	if ((previous < 0) != (key < 0))
		return key < 0;
	return key < 0 ? key < previous : key > previous;
}

static int parse_claims(const uint8_t *payload, size_t size, struct cl_report *out,
			char reason[CL_REASON_SIZE])
{
	struct clv_cbor in = {.at = payload, .end = payload + size};
	bool seen[NR_CLAIMS] = {false};
	int64_t key, previous = 0;
	uint64_t pairs;

	if (clv_cbor_take(&in, CLV_MAP, &pairs))
		return refuse(reason, "its payload is malformed: %s", in.why);
	for (uint64_t i = 0; i < pairs; i++) {
		const struct claim *claim;

		if (clv_cbor_take_int(&in, &key))
			return refuse(reason, "a claim's key is malformed: %s", in.why);
		claim = find_claim(key);
		if (!claim)
			return refuse(reason, "it has a claim that the profile does not know: %lld",
				      (long long)key);
		if (seen[claim - claims])
			return refuse(reason, "it has claim %s twice", claim->name);
		if (i > 0 && !key_follows(previous, key))
			return refuse(reason, "its claims are out of order at %s", claim->name);
		if (parse_value(&in, claim, out, reason))
			return -1;
		seen[claim - claims] = true;
		previous = key;
	}
	if (clv_cbor_take_end(&in))
		return refuse(reason, "its payload is malformed: %s", in.why);
	for (size_t i = 0; i < NR_CLAIMS; i++)
		if (!seen[i])
			return refuse(reason, "it lacks claim %s", claims[i].name);
	return 0;
}

/* { 1: -7 }, wrapped in a byte string. */
static int parse_protected(const uint8_t *data, size_t size, char reason[CL_REASON_SIZE])
{
	struct clv_cbor in = {.at = data, .end = data + size};
	int64_t key, alg;
	uint64_t pairs;

	if (clv_cbor_take(&in, CLV_MAP, &pairs))
		return refuse(reason, "its protected header is malformed: %s", in.why);
	if (pairs != 1)
		return refuse(reason, "its protected header has %llu parameters, not 1 (alg)",
			      (unsigned long long)pairs);
	if (clv_cbor_take_int(&in, &key) || clv_cbor_take_int(&in, &alg) || clv_cbor_take_end(&in))
		return refuse(reason, "its protected header is malformed: %s", in.why);
	if (key != COSE_HDR_ALG)
		return refuse(reason, "its protected header has parameter %lld, not 1 (alg)",
			      (long long)key);
	if (alg != COSE_ALG_ES256)
		return refuse(reason, "its algorithm is %lld, not -7 (ES256)", (long long)alg);
	return 0;
}

/* { CL_HDR_CORE_KEY: bstr 64 } */
static int parse_unprotected(struct clv_cbor *in, struct cl_report *out,
			     char reason[CL_REASON_SIZE])
{
	const uint8_t *point;
	uint64_t pairs;
	int64_t key;
	size_t size;

	if (clv_cbor_take(in, CLV_MAP, &pairs))
		return refuse(reason, "its unprotected header is malformed: %s", in->why);
	if (pairs != 1)
		return refuse(reason,
			      "its unprotected header has %llu parameters, not 1 (the Core's key)",
			      (unsigned long long)pairs);
	if (clv_cbor_take_int(in, &key))
		return refuse(reason, "its unprotected header is malformed: %s", in->why);
	if (key != CL_HDR_CORE_KEY)
		return refuse(reason,
			      "its unprotected header has parameter %lld, not %d (the Core's key)",
			      (long long)key, CL_HDR_CORE_KEY);
	if (clv_cbor_take_string(in, CLV_BYTES, &point, &size))
		return refuse(reason, "the Core's key is malformed: %s", in->why);
	if (size != CL_CORE_KEY_SIZE)
		return refuse(reason, "the Core's key has %zu bytes, not %u", size,
			      CL_CORE_KEY_SIZE);
	memcpy(out->core_key, point, size);
	return 0;
}

static int parse_cose(struct clv_cbor *in, struct clv_parsed *parsed, char reason[CL_REASON_SIZE])
{
	uint64_t tag, items;
	size_t size;

	if (clv_cbor_take(in, CLV_TAG, &tag))
		return refuse(reason, "it is no COSE_Sign1: %s", in->why);
	if (tag != COSE_TAG_SIGN1)
		return refuse(reason, "it has CBOR tag %llu, not %u (COSE_Sign1)",
			      (unsigned long long)tag, COSE_TAG_SIGN1);
	if (clv_cbor_take(in, CLV_ARRAY, &items))
		return refuse(reason, "it is no COSE_Sign1: %s", in->why);
	if (items != 4)
		return refuse(reason, "it is an array of %llu, not of 4",
			      (unsigned long long)items);
	if (clv_cbor_take_string(in, CLV_BYTES, &parsed->protected, &parsed->protected_size))
		return refuse(reason, "its protected header is malformed: %s", in->why);
	if (parse_protected(parsed->protected, parsed->protected_size, reason))
		return -1;
	if (parse_unprotected(in, &parsed->claims, reason))
		return -1;
	if (clv_cbor_take_string(in, CLV_BYTES, &parsed->payload, &parsed->payload_size))
		return refuse(reason, "its payload is malformed: %s", in->why);
	if (parse_claims(parsed->payload, parsed->payload_size, &parsed->claims, reason))
		return -1;
	if (clv_cbor_take_string(in, CLV_BYTES, &parsed->signature, &size))
		return refuse(reason, "its signature is malformed: %s", in->why);
	if (size != CLV_SIG_SIZE)
		return refuse(reason, "its signature has %zu bytes, not %u", size, CLV_SIG_SIZE);
	if (clv_cbor_take_end(in))
		return refuse(reason, "it is malformed: %s", in->why);
	return 0;
}

int clv_parse(const uint8_t *report, size_t size, struct clv_parsed *parsed,
	      char reason[CL_REASON_SIZE])
{
	struct clv_cbor in = {.at = report, .end = report + size};

	memset(parsed, 0, sizeof(*parsed));
	if (size == 0)
		return refuse(reason, "it is empty");
	if (size > CL_REPORT_MAX)
		return refuse(reason, "it has %zu bytes, more than %u", size, CL_REPORT_MAX);
	return parse_cose(&in, parsed, reason);
}
