// SPDX-License-Identifier: Apache-2.0
// The checks of a certificate request, which comes from whoever can reach the issuer.
#include "csr.h"
#include <errno.h>
#include <string.h>
#include <openssl/err.h>

#define POINT_SIZE 65 // 4 ‖ x ‖ y

// By its encoding, as the certificate is to have it: P-256 by name, a point that is not compressed.
static bool is_p256(X509_REQ *req)
{
	ASN1_OBJECT *algorithm = NULL;
	const unsigned char *point;
	X509_ALGOR *whole;
	const void *curve;
	int size, type;

	if (X509_PUBKEY_get0_param(&algorithm, &point, &size, &whole,
				   X509_REQ_get_X509_PUBKEY(req)) != 1 ||
	    OBJ_obj2nid(algorithm) != NID_X9_62_id_ecPublicKey)
		return false;
	X509_ALGOR_get0(NULL, &type, &curve, whole);
	return type == V_ASN1_OBJECT && OBJ_obj2nid(curve) == NID_X9_62_prime256v1 &&
	       size == POINT_SIZE && point[0] == 4;
}

static bool signed_well(X509_REQ *req, EVP_PKEY *key)
{
	int nid = X509_REQ_get_signature_nid(req);

	return (nid == NID_ecdsa_with_SHA256 || nid == NID_ecdsa_with_SHA384 ||
		nid == NID_ecdsa_with_SHA512) &&
	       X509_REQ_verify(req, key) == 1;
}

static const char *read_names(X509_REQ *req, GENERAL_NAMES **names)
{
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
	int critical;

	*names = X509V3_get_d2i(extensions, NID_subject_alt_name, &critical, NULL);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	// -1: there is none.
	return *names || critical == -1 ? NULL : "the request's names are malformed";
}

static const char *read_request(X509_REQ *req, struct spiffe_csr *csr)
{
	EVP_PKEY *key;

	if (X509_REQ_get_version(req) != X509_REQ_VERSION_1)
		return "the request is not of version 1";
	if (!is_p256(req))
		return "the request's key is not of P-256";
	key = X509_REQ_get0_pubkey(req);
	if (!key)
		return "the request's key is no point on P-256";
	if (!signed_well(req, key))
		return "the request's signature does not match its key";
	EVP_PKEY_up_ref(key);
	csr->key = key;
	return read_names(req, &csr->names);
}

int spiffe_csr_read(struct spiffe_csr *csr, const uint8_t *der, size_t size, const char **why)
{
	const unsigned char *at = der;
	X509_REQ *req = NULL;

	*csr = (struct spiffe_csr){NULL, NULL};
	*why = "the request is of no acceptable size";
	if (!size || size > SPIFFE_CSR_MAX)
		return -EINVAL;
	ERR_set_mark();
	req = d2i_X509_REQ(NULL, &at, (long)size);
	if (!req || at != der + size)
		*why = "the request is no PKCS#10 in DER";
	else
		*why = read_request(req, csr);
	X509_REQ_free(req);
	ERR_pop_to_mark();
	if (!*why)
		return 0;
	spiffe_csr_free(csr);
	return -EINVAL;
}

void spiffe_csr_free(struct spiffe_csr *csr)
{
	EVP_PKEY_free(csr->key);
	GENERAL_NAMES_free(csr->names);
	*csr = (struct spiffe_csr){NULL, NULL};
}

bool spiffe_csr_asks(const struct spiffe_csr *csr, const char *dns)
{
	size_t size = strlen(dns);

	for (int i = 0; i < sk_GENERAL_NAME_num(csr->names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(csr->names, i);

		if (name->type == GEN_DNS && (size_t)ASN1_STRING_length(name->d.dNSName) == size &&
		    memcmp(ASN1_STRING_get0_data(name->d.dNSName), dns, size) == 0)
			return true;
	}
	return false;
}
