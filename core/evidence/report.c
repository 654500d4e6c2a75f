// SPDX-License-Identifier: Apache-2.0
// Encode and sign a zone report: COSE_Sign1 (RFC 9052, section 4) over EAT claims (RFC 9711).
#include "evidence/report.h"

#include <bearssl.h>

#include <cloister/call.h>
#include <cloister/report.h>
#include "evidence/cbor.h"
#include "evidence/report_key.h"
#include "lib/string.h"

#define COSE_TAG_SIGN1 18u
#define COSE_HDR_ALG   1u
#define COSE_ALG_ES256 (-7)
#define COSE_HDR_MAX   8u
#define CLAIMS	       15u
/* Claims and Sig_structure need about 330 and 360 bytes. */
#define PAYLOAD_MAX	 512u
#define TO_BE_SIGNED_MAX (PAYLOAD_MAX + 64u)

static bool text_fits(const char *text)
{
	size_t size = 0;

	for (; text[size]; size++)
		if (size == REPORT_TEXT_MAX || text[size] <= ' ' || text[size] > '~')
			return false;
	return size > 0;
}

static void put_protected(struct cbor_out *o)
{
	cbor_put_map(o, 1);
	cbor_put_uint(o, COSE_HDR_ALG);
	cbor_put_int(o, COSE_ALG_ES256);
}

/* Keys in bytewise order of their encodings (RFC 8949, section 4.2.1). */
static void put_claims(struct cbor_out *o, const struct report_claims *c)
{
	cbor_put_map(o, CLAIMS);
	cbor_put_uint(o, CL_CLAIM_EAT_NONCE);
	cbor_put_bytes(o, c->data, CL_REPORT_DATA);
	cbor_put_uint(o, CL_CLAIM_DBGSTAT);
	cbor_put_uint(o, c->debug ? CL_DBGSTAT_ENABLED : CL_DBGSTAT_DISABLED);
	cbor_put_uint(o, CL_CLAIM_EAT_PROFILE);
	cbor_put_text(o, CL_REPORT_PROFILE);
	cbor_put_int(o, CL_CLAIM_DIGEST);
	cbor_put_bytes(o, c->digest, CL_DIGEST_SIZE);
	cbor_put_int(o, CL_CLAIM_INSTANCE);
	cbor_put_uint(o, c->instance);
	cbor_put_int(o, CL_CLAIM_VCPUS);
	cbor_put_uint(o, c->vcpus);
	cbor_put_int(o, CL_CLAIM_MEMORY);
	cbor_put_uint(o, c->memory_bytes);
	cbor_put_int(o, CL_CLAIM_WINDOW);
	cbor_put_uint(o, c->window_pages);
	cbor_put_int(o, CL_CLAIM_IDLE_MS);
	cbor_put_uint(o, c->idle_ms);
	cbor_put_int(o, CL_CLAIM_POLICY);
	cbor_put_uint(o, c->policy);
	cbor_put_int(o, CL_CLAIM_CORE_VERSION);
	cbor_put_text(o, c->core_version);
	cbor_put_int(o, CL_CLAIM_IOMMU);
	cbor_put_text(o, c->iommu);
	cbor_put_int(o, CL_CLAIM_ROOT);
	cbor_put_text(o, c->root);
	cbor_put_int(o, CL_CLAIM_REMAP);
	cbor_put_text(o, c->remap);
	cbor_put_int(o, CL_CLAIM_BUILD);
	cbor_put_bytes(o, c->build, CL_BUILD_SIZE);
}

/* SHA-256 of the Sig_structure (RFC 9052, section 4.4), with empty external_aad. */
static void hash_to_be_signed(uint8_t hash[REPORT_KEY_HASH_SIZE], const struct cbor_out *protected,
			      const struct cbor_out *payload, struct cbor_out *scratch)
{
	br_sha256_context sha;

	cbor_put_array(scratch, 4);
	cbor_put_text(scratch, "Signature1");
	cbor_put_bytes(scratch, protected->buf, protected->len);
	cbor_put_bytes(scratch, payload->buf, 0);
	cbor_put_bytes(scratch, payload->buf, payload->len);

	br_sha256_init(&sha);
	br_sha256_update(&sha, scratch->buf, scratch->len);
	br_sha256_out(&sha, hash);
}

int report_make(const struct report_claims *c, uint8_t *out, size_t cap)
{
	uint8_t protected_buf[COSE_HDR_MAX], payload_buf[PAYLOAD_MAX], tbs_buf[TO_BE_SIGNED_MAX];
	uint8_t hash[REPORT_KEY_HASH_SIZE], sig[REPORT_KEY_SIG_SIZE];
	struct cbor_out protected, payload, tbs, o;
	int err;

	memset(out, 0, cap);
	/* dbgstat of a release says "disabled permanently": true of no other policy. */
	if (c->policy & ~CL_POLICY_KNOWN || !text_fits(c->core_version) || !text_fits(c->iommu) ||
	    !text_fits(c->root) || !text_fits(c->remap))
		return -CL_EINVAL;

	cbor_begin(&protected, protected_buf, sizeof(protected_buf));
	put_protected(&protected);
	cbor_begin(&payload, payload_buf, sizeof(payload_buf));
	put_claims(&payload, c);
	cbor_begin(&tbs, tbs_buf, sizeof(tbs_buf));
	hash_to_be_signed(hash, &protected, &payload, &tbs);
	if (protected.full || payload.full || tbs.full)
		return -CL_ENOSPC;

	err = report_key_sign(sig, hash);
	if (err)
		return err;

	cbor_begin(&o, out, cap);
	cbor_put_tag(&o, COSE_TAG_SIGN1);
	cbor_put_array(&o, 4);
	cbor_put_bytes(&o, protected.buf, protected.len);
	cbor_put_map(&o, 1);
	cbor_put_int(&o, CL_HDR_CORE_KEY);
	cbor_put_bytes(&o, report_key_public(), REPORT_KEY_PUBLIC_SIZE);
	cbor_put_bytes(&o, payload.buf, payload.len);
	cbor_put_bytes(&o, sig, sizeof(sig));
	if (o.full) {
		memset(out, 0, cap);
		return -CL_ENOSPC;
	}
	return (int)o.len;
}
