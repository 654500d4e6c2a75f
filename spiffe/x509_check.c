// SPDX-License-Identifier: Apache-2.0
// RFC 5280's path validation by OpenSSL, and what the standard wants besides.
#include "x509_check.h"
#include <errno.h>
#include <openssl/x509_vfy.h>
#include <openssl/err.h>
#include "x509_rules.h"

#define AUTH_LEVEL 2 // 112 bits: no RSA under 2048, no SHA-1 (X509_VERIFY_PARAM_set_auth_level(3))

static int read_chain(const uint8_t *chain, size_t size, STACK_OF(X509) * certs, const char **why)
{
	const uint8_t *at = chain, *end = chain + size;

	if (!size || size > SPIFFE_CHAIN_BYTES) {
		*why = "the chain is of no acceptable size";
		return -EINVAL;
	}
	while (at < end) {
		X509 *cert;

		if (sk_X509_num(certs) == (int)SPIFFE_CHAIN_MAX) {
			*why = "the chain is longer than 8 certificates";
			return -EINVAL;
		}
		cert = spiffe_x509_read(&at, (size_t)(end - at), why);
		if (!cert)
			return -EINVAL;
		if (sk_X509_push(certs, cert) <= 0) {
			X509_free(cert);
			*why = "no memory";
			return -ENOMEM;
		}
	}
	return 0;
}

// Of the path that was found, from the leaf's issuer to the trust anchor.
static const char *signers_problem(STACK_OF(X509) * path, const struct spiffe_bundle *bundle)
{
	int count = sk_X509_num(path);
	struct spiffe_id id;
	const char *why;

	if (count < 2)
		return "the leaf is its own authority";
	for (int i = 1; i < count; i++) {
		if (spiffe_x509_signing(sk_X509_value(path, i), &id, &why))
			return why;
		// What the anchor is called is the bundle's business: it may be a foreign one.
		if (i < count - 1 && id.size && !spiffe_id_in(&id, bundle->domain))
			return "a signing certificate in the chain is another trust domain's";
	}
	return NULL;
}

static const char *verify(X509_STORE_CTX *ctx, STACK_OF(X509) * certs, STACK_OF(X509) * anchors,
			  const struct spiffe_bundle *bundle, time_t now)
{
	if (X509_STORE_CTX_init(ctx, NULL, sk_X509_value(certs, 0), certs) != 1)
		return "no memory";
	X509_STORE_CTX_set0_trusted_stack(ctx, anchors);
	// An authority in a bundle need not be self-signed (section 6.1).
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN);
	X509_STORE_CTX_set_time(ctx, 0, now);
	X509_STORE_CTX_set_depth(ctx, SPIFFE_CHAIN_MAX);
	X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(ctx), AUTH_LEVEL);
	if (X509_verify_cert(ctx) != 1)
		return X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
	return signers_problem(X509_STORE_CTX_get0_chain(ctx), bundle);
}

static const char *path_problem(STACK_OF(X509) * certs, const struct spiffe_bundle *bundle,
				time_t now)
{
	STACK_OF(X509) *anchors = sk_X509_new_null();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool good = anchors && ctx;
	const char *why = "no memory";

	for (size_t i = 0; good && i < bundle->nr_x509; i++)
		good = sk_X509_push(anchors, bundle->x509[i]) > 0;
	if (good)
		why = verify(ctx, certs, anchors, bundle, now);
	X509_STORE_CTX_free(ctx);
	sk_X509_free(anchors);
	return why;
}

int spiffe_x509_check(const uint8_t *chain, size_t size, const struct spiffe_bundles *bundles,
		      time_t now, struct spiffe_id *id, const char **why)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	const struct spiffe_bundle *bundle;
	int rc;

	*why = "no memory";
	if (!certs)
		return -ENOMEM;
	ERR_set_mark();
	rc = read_chain(chain, size, certs, why);
	if (!rc)
		rc = spiffe_x509_leaf(sk_X509_value(certs, 0), id, why);
	if (!rc) {
		bundle = spiffe_bundle_of(bundles, id);
		*why = bundle ? path_problem(certs, bundle, now)
			      : "the trust domain is not known: there is no bundle of it";
		rc = *why ? -EINVAL : 0;
	}
	ERR_pop_to_mark();
	sk_X509_pop_free(certs, X509_free);
	return rc;
}
