// SPDX-License-Identifier: Apache-2.0
// Check an ES256 signature over a COSE Sig_structure.
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "auto.h"
#include "cbor_out.h"
#include "checks.h"
#include "ecdsa.h"
#include "es256.h"
#include "hash.h"

/* Both strings come from one report of at most CL_REPORT_MAX bytes. */
#define SIG_STRUCTURE_MAX (CL_REPORT_MAX + 32u)

/* RFC 9052, section 4.4: [ "Signature1", protected, external_aad, payload ]. */
static void hash_sig_structure(const struct clv_parsed *p, uint8_t digest[CL_HASH_SIZE])
{
	uint8_t bytes[SIG_STRUCTURE_MAX];
	struct clv_cbor_out out = {.bytes = bytes, .capacity = sizeof(bytes)};

	clv_cbor_put(&out, CLV_ARRAY, 4);
	clv_cbor_put_text(&out, "Signature1");
	clv_cbor_put_bytes(&out, p->protected, p->protected_size);
	clv_cbor_put_bytes(&out, NULL, 0);
	clv_cbor_put_bytes(&out, p->payload, p->payload_size);
	clv_sha256(bytes, out.size, digest);
}

static int check(const struct clv_parsed *parsed, char reason[CL_REASON_SIZE])
{
	AUTO(clv_free_pkey) EVP_PKEY *key = NULL;
	uint8_t digest[CL_HASH_SIZE];
	int rc = clv_ec_key(parsed->claims.core_key, &key);

	if (rc == 0)
		clv_refuse(reason, "the Core's key is no point on P-256");
	if (rc <= 0)
		return rc;
	hash_sig_structure(parsed, digest);
	rc = clv_ecdsa(key, digest, parsed->signature);
	if (rc == 0)
		clv_refuse(reason,
			   "the signature does not match: the report was changed or another "
			   "key signed it");
	return rc;
}

int clv_es256(const struct clv_parsed *parsed, char reason[CL_REASON_SIZE])
{
	int rc;

	ERR_set_mark();
	rc = check(parsed, reason);
	ERR_pop_to_mark();
	return rc;
}
