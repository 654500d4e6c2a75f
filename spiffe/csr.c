// SPDX-License-Identifier: Apache-2.0
// The checks of a certificate request, which comes from whoever can reach the issuer. OpenSSL's own
// X509_REQ looks for a decoder of the key for longer than all of this takes together: the request
// is taken apart here down to the key's point, and what the certificate gets is that point.
#include "csr.h"
#include <errno.h>
#include <string.h>
#include <openssl/asn1t.h>
#include <openssl/err.h>

struct public_key {
	X509_ALGOR *algorithm;
	ASN1_BIT_STRING *point;
};

// RFC 2986, section 4.1. What is signed is what was read: enc keeps it.
struct request_info {
	ASN1_ENCODING enc;
	ASN1_INTEGER *version;
	X509_NAME *subject;
	struct public_key *key;
	STACK_OF(X509_ATTRIBUTE) * attributes;
};

// Section 4.2.
struct request {
	struct request_info *info;
	X509_ALGOR *algorithm;
	ASN1_BIT_STRING *signature;
};

typedef struct public_key PUBLIC_KEY;
typedef struct request_info REQUEST_INFO;
typedef struct request REQUEST;

// clang-format off
ASN1_SEQUENCE(PUBLIC_KEY) = {
	ASN1_SIMPLE(PUBLIC_KEY, algorithm, X509_ALGOR),
	ASN1_SIMPLE(PUBLIC_KEY, point, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(PUBLIC_KEY)

ASN1_SEQUENCE_enc(REQUEST_INFO, enc, NULL) = {
	ASN1_SIMPLE(REQUEST_INFO, version, ASN1_INTEGER),
	ASN1_SIMPLE(REQUEST_INFO, subject, X509_NAME),
	ASN1_SIMPLE(REQUEST_INFO, key, PUBLIC_KEY),
	ASN1_IMP_SET_OF_OPT(REQUEST_INFO, attributes, X509_ATTRIBUTE, 0),
} static_ASN1_SEQUENCE_END_cb(REQUEST_INFO, REQUEST_INFO)

ASN1_SEQUENCE(REQUEST) = {
	ASN1_SIMPLE(REQUEST, info, REQUEST_INFO),
	ASN1_SIMPLE(REQUEST, algorithm, X509_ALGOR),
	ASN1_SIMPLE(REQUEST, signature, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(REQUEST)
	// clang-format on

	// By its encoding, as the certificate is to have it: P-256 by name, a point that is not
	// compressed.
	static bool is_p256(const struct public_key *key)
{
	const ASN1_OBJECT *algorithm;
	const void *curve;
	int type;

	X509_ALGOR_get0(&algorithm, &type, &curve, key->algorithm);
	return OBJ_obj2nid(algorithm) == NID_X9_62_id_ecPublicKey && type == V_ASN1_OBJECT &&
	       OBJ_obj2nid(curve) == NID_X9_62_prime256v1 &&
	       ASN1_STRING_length(key->point) == SPIFFE_POINT_SIZE &&
	       ASN1_STRING_get0_data(key->point)[0] == 4;
}

static bool signed_well(const struct request *req, EVP_PKEY *key)
{
	const ASN1_OBJECT *algorithm;
	int nid;

	X509_ALGOR_get0(&algorithm, NULL, NULL, req->algorithm);
	nid = OBJ_obj2nid(algorithm);
	return (nid == NID_ecdsa_with_SHA256 || nid == NID_ecdsa_with_SHA384 ||
		nid == NID_ecdsa_with_SHA512) &&
	       ASN1_item_verify(ASN1_ITEM_rptr(REQUEST_INFO), req->algorithm, req->signature,
				req->info, key) == 1;
}

// The extensions that are asked for (RFC 2985, section 5.4.2); NULL if there are none.
static STACK_OF(X509_EXTENSION) * read_extensions(const struct request_info *info)
{
	int at = X509at_get_attr_by_NID(info->attributes, NID_ext_req, -1);
	ASN1_TYPE *value = NULL;

	if (at >= 0)
		value = X509_ATTRIBUTE_get0_type(X509at_get_attr(info->attributes, at), 0);
	if (!value || value->type != V_ASN1_SEQUENCE)
		return NULL;
	return ASN1_item_unpack(value->value.sequence, ASN1_ITEM_rptr(X509_EXTENSIONS));
}

static const char *read_names(const struct request_info *info, GENERAL_NAMES **names)
{
	STACK_OF(X509_EXTENSION) *extensions = read_extensions(info);
	int critical;

	*names = X509V3_get_d2i(extensions, NID_subject_alt_name, &critical, NULL);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	// -1: there is none.
	return *names || critical == -1 ? NULL : "the request's names are malformed";
}

static const char *read_request(const struct request *req, struct spiffe_csr *csr)
{
	if (ASN1_INTEGER_get(req->info->version) != X509_REQ_VERSION_1)
		return "the request is not of version 1";
	if (!is_p256(req->info->key))
		return "the request's key is not of P-256";
	memcpy(csr->point, ASN1_STRING_get0_data(req->info->key->point), SPIFFE_POINT_SIZE);
	csr->key = spiffe_key_from_point(csr->point);
	if (!csr->key)
		return "the request's key is no point on P-256";
	if (!signed_well(req, csr->key))
		return "the request's signature does not match its key";
	return read_names(req->info, &csr->names);
}

int spiffe_csr_read(struct spiffe_csr *csr, const uint8_t *der, size_t size, const char **why)
{
	const unsigned char *at = der;
	struct request *req;

	*csr = (struct spiffe_csr){.key = NULL};
	*why = "the request is of no acceptable size";
	if (!size || size > SPIFFE_CSR_MAX)
		return -EINVAL;
	ERR_set_mark();
	req = (struct request *)ASN1_item_d2i(NULL, &at, (long)size, ASN1_ITEM_rptr(REQUEST));
	if (!req || at != der + size)
		*why = "the request is no PKCS#10 in DER";
	else
		*why = read_request(req, csr);
	ASN1_item_free((ASN1_VALUE *)req, ASN1_ITEM_rptr(REQUEST));
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
	*csr = (struct spiffe_csr){.key = NULL};
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
