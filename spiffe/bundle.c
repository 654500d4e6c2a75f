// SPDX-License-Identifier: Apache-2.0
// A bundle in memory: what is in it, and how that changes.
#include "bundle.h"
#include <errno.h>
#include <string.h>
#include <openssl/err.h>
#include "key.h"
#include "x509_rules.h"

static int fail(const char **why, int rc, const char *reason)
{
	*why = reason;
	return rc;
}

int spiffe_bundle_init(struct spiffe_bundle *bundle, const char *domain, const char **why)
{
	*bundle = (struct spiffe_bundle){.sequence = 0};
	if (spiffe_domain_check(domain, strlen(domain), why))
		return -EINVAL;
	memcpy(bundle->domain, domain, strlen(domain) + 1);
	return 0;
}

void spiffe_bundle_free(struct spiffe_bundle *bundle)
{
	for (size_t i = 0; i < bundle->nr_x509; i++)
		X509_free(bundle->x509[i]);
	for (size_t i = 0; i < bundle->nr_jwt; i++)
		EVP_PKEY_free(bundle->jwt[i].key);
	*bundle = (struct spiffe_bundle){.sequence = 0};
}

static void changed(struct spiffe_bundle *bundle)
{
	if (bundle->sequence < INT64_MAX)
		bundle->sequence++;
}

// Takes cert over, in any case.
static int add_cert(struct spiffe_bundle *bundle, X509 *cert, const char **why)
{
	for (size_t i = 0; i < bundle->nr_x509; i++)
		if (X509_cmp(bundle->x509[i], cert) == 0) {
			X509_free(cert);
			return 0;
		}
	if (bundle->nr_x509 == SPIFFE_BUNDLE_X509_MAX) {
		X509_free(cert);
		return fail(why, -ENOSPC, "a bundle has no room for more than 32 certificates");
	}
	bundle->x509[bundle->nr_x509++] = cert;
	changed(bundle);
	return 0;
}

int spiffe_bundle_add_x509(struct spiffe_bundle *bundle, const uint8_t *der, size_t size,
			   const char **why)
{
	const uint8_t *at = der;
	X509 *cert = spiffe_x509_read(&at, size, why);
	struct spiffe_id id;
	int rc = -EINVAL;

	if (!cert)
		return -EINVAL;
	ERR_set_mark();
	if (at != der + size)
		*why = "something follows the certificate";
	else if (!X509_get0_pubkey(cert) ||
		 spiffe_key_kind(X509_get0_pubkey(cert)) == SPIFFE_KEY_OTHER)
		*why = "the certificate's key is of no kind that a bundle can say";
	else
		rc = spiffe_x509_signing(cert, &id, why);
	ERR_pop_to_mark();
	if (!rc)
		return add_cert(bundle, cert, why);
	X509_free(cert);
	return rc;
}

int spiffe_bundle_add_jwt(struct spiffe_bundle *bundle, const char *kid, EVP_PKEY *key,
			  time_t not_after, const char **why)
{
	size_t size = strlen(kid);
	struct spiffe_jwt_authority *new = &bundle->jwt[bundle->nr_jwt];

	if (!size || size > SPIFFE_KID_MAX)
		return fail(why, -EINVAL, "the kid is empty or longer than 255 bytes");
	if (spiffe_key_kind(key) == SPIFFE_KEY_OTHER)
		return fail(why, -EINVAL, "the key is of no kind that signs JWT-SVIDs");
	for (size_t i = 0; i < bundle->nr_jwt; i++)
		if (!strcmp(bundle->jwt[i].kid, kid))
			return EVP_PKEY_eq(bundle->jwt[i].key, key) == 1
				       ? 0
				       : fail(why, -EEXIST, "another key has this kid");
	if (bundle->nr_jwt == SPIFFE_BUNDLE_JWT_MAX)
		return fail(why, -ENOSPC, "a bundle has no room for more than 32 keys");
	memcpy(new->kid, kid, size + 1);
	EVP_PKEY_up_ref(key);
	new->key = key;
	new->not_after = not_after;
	bundle->nr_jwt++;
	changed(bundle);
	return 0;
}

size_t spiffe_bundle_expire(struct spiffe_bundle *bundle, time_t now)
{
	size_t x509 = 0, jwt = 0, dropped;

	for (size_t i = 0; i < bundle->nr_x509; i++) {
		X509 *cert = bundle->x509[i];

		// 0 is a time that cannot be read.
		if (X509_cmp_time(X509_get0_notAfter(cert), &now) <= 0)
			X509_free(cert);
		else
			bundle->x509[x509++] = cert;
	}
	for (size_t i = 0; i < bundle->nr_jwt; i++) {
		struct spiffe_jwt_authority *authority = &bundle->jwt[i];

		if (authority->not_after && authority->not_after <= now)
			EVP_PKEY_free(authority->key);
		else
			bundle->jwt[jwt++] = *authority;
	}
	dropped = bundle->nr_x509 - x509 + bundle->nr_jwt - jwt;
	bundle->nr_x509 = x509;
	bundle->nr_jwt = jwt;
	if (dropped)
		changed(bundle);
	return dropped;
}

int spiffe_bundle_der(const struct spiffe_bundle *bundle, uint8_t **der)
{
	int sizes[SPIFFE_BUNDLE_X509_MAX], all = 0;
	uint8_t *at;

	*der = NULL;
	for (size_t i = 0; i < bundle->nr_x509; i++) {
		sizes[i] = i2d_X509(bundle->x509[i], NULL);
		if (sizes[i] <= 0)
			return -ENOMEM;
		all += sizes[i]; // at most 32 times SPIFFE_CERT_MAX
	}
	if (!all)
		return 0;
	at = *der = OPENSSL_malloc((size_t)all);
	if (!at)
		return -ENOMEM;
	for (size_t i = 0; i < bundle->nr_x509; i++)
		if (i2d_X509(bundle->x509[i], &at) != sizes[i]) {
			OPENSSL_free(*der);
			*der = NULL;
			return -ENOMEM;
		}
	return all;
}

const struct spiffe_bundle *spiffe_bundle_of(const struct spiffe_bundles *bundles,
					     const struct spiffe_id *id)
{
	for (size_t i = 0; i < bundles->count; i++)
		if (spiffe_id_in(id, bundles->list[i]->domain))
			return bundles->list[i];
	return NULL;
}
