// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target for trust bundles: any document, and a genuine one with bytes changed. What is
 * taken holds authorities only, in bounds, and says the same when it is written and read again.
 */
#include <errno.h>

#include <openssl/x509v3.h>

#include "bundle.h"
#include "key.h"
#include "spiffe_change.h"
#include "spiffe_forge.h"
#include "x509_rules.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

static char *genuine;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct forged root = forge_ca(NULL, NULL);
	EVP_PKEY *key = forge_key("P-384");
	struct spiffe_bundle bundle;
	uint8_t der[4096];
	const char *why;

	require(!spiffe_bundle_init(&bundle, FORGE_DOMAIN, &why));
	X509_up_ref(root.cert);
	require(!spiffe_bundle_add_x509(&bundle, der, forge_append(der, 0, sizeof(der), root.cert),
					&why));
	require(!spiffe_bundle_add_jwt(&bundle, "k", key, 0, &why));
	require(!spiffe_bundle_add_jwt(&bundle, "r", root.key, 0, &why));
	genuine = spiffe_bundle_write(&bundle);
	require(genuine);
	spiffe_bundle_free(&bundle);
	forged_free(&root);
	EVP_PKEY_free(key);
	return 0;
}

static void look_at(const struct spiffe_bundle *bundle)
{
	struct spiffe_id id;
	const char *why;

	require(bundle->sequence >= 0 && bundle->refresh_hint >= 0);
	require(bundle->nr_x509 <= SPIFFE_BUNDLE_X509_MAX);
	require(bundle->nr_jwt <= SPIFFE_BUNDLE_JWT_MAX);
	for (size_t i = 0; i < bundle->nr_x509; i++) {
		require(!spiffe_x509_signing(bundle->x509[i], &id, &why));
		require(X509_check_ca(bundle->x509[i]) == 1);
		for (size_t j = 0; j < i; j++)
			require(X509_cmp(bundle->x509[i], bundle->x509[j]) != 0);
	}
	for (size_t i = 0; i < bundle->nr_jwt; i++) {
		size_t size = strlen(bundle->jwt[i].kid);

		require(size && size <= SPIFFE_KID_MAX);
		require(spiffe_key_kind(bundle->jwt[i].key) != SPIFFE_KEY_OTHER);
		for (size_t j = 0; j < i; j++)
			require(strcmp(bundle->jwt[i].kid, bundle->jwt[j].kid) != 0);
	}
}

static void again(struct spiffe_bundle *bundle)
{
	char *text = spiffe_bundle_write(bundle), *plain = spiffe_bundle_write_jwt(bundle);
	static struct spiffe_bundle same;
	const char *why;
	uint8_t *der;
	int size = spiffe_bundle_der(bundle, &der);

	require(text && plain && (size > 0) == (bundle->nr_x509 > 0));
	/* Certificates may have more in them than they need, and a document of them less room. */
	if (strlen(text) <= SPIFFE_BUNDLE_JSON_MAX) {
		require(!spiffe_bundle_read(&same, FORGE_DOMAIN, text, strlen(text), &why));
		require(!same.ignored && same.sequence == bundle->sequence);
		require(same.refresh_hint == bundle->refresh_hint);
		require(same.nr_x509 == bundle->nr_x509 && same.nr_jwt == bundle->nr_jwt);
		for (size_t i = 0; i < same.nr_jwt; i++)
			require(!strcmp(same.jwt[i].kid, bundle->jwt[i].kid) &&
				EVP_PKEY_eq(same.jwt[i].key, bundle->jwt[i].key) == 1);
		spiffe_bundle_free(&same);
	}
	OPENSSL_free(der);
	free(plain);
	free(text);
}

static void read_document(const char *text, size_t size)
{
	static struct spiffe_bundle bundle;
	const char *why = NULL;
	int rc = spiffe_bundle_read(&bundle, FORGE_DOMAIN, text, size, &why);
	size_t all = bundle.nr_x509 + bundle.nr_jwt;

	require(rc == 0 || (rc == -EINVAL && why && !all));
	look_at(&bundle);
	if (!rc)
		again(&bundle);
	require(spiffe_bundle_expire(&bundle, FORGE_NOW) <= all);
	look_at(&bundle);
	spiffe_bundle_free(&bundle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	bool raw = take(&in, 1) & 1;
	size_t n = raw ? in.left : strlen(genuine);
	char *text = raw ? exact_copy(in.at, in.left) : changed(&in, genuine, &n);

	read_document(text, n);
	free(text);
	return 0;
}
