// SPDX-License-Identifier: Apache-2.0
// Serial numbers, times, names and key identifiers (RFC 5280, section 4).
#include "x509_make.h"
#include <openssl/rand.h>

#define KEY_ID_SIZE 20

bool spiffe_set_serial(X509 *cert, uint8_t serial[SPIFFE_SERIAL_SIZE])
{
	BIGNUM *n = NULL;
	bool good;

	// Positive in any case: where the first bit is set, DER puts a zero byte before it.
	good = RAND_bytes(serial, SPIFFE_SERIAL_SIZE) == 1 &&
	       (n = BN_bin2bn(serial, SPIFFE_SERIAL_SIZE, NULL)) &&
	       BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
	BN_free(n);
	return good;
}

bool spiffe_set_times(X509 *cert, time_t from, time_t to)
{
	return ASN1_TIME_set(X509_getm_notBefore(cert), from) &&
	       ASN1_TIME_set(X509_getm_notAfter(cert), to);
}

bool spiffe_set_point(X509 *cert, const uint8_t point[SPIFFE_POINT_SIZE])
{
	uint8_t *copy = OPENSSL_memdup(point, SPIFFE_POINT_SIZE);

	if (copy &&
	    X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(cert),
				   OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT,
				   OBJ_nid2obj(NID_X9_62_prime256v1), copy, SPIFFE_POINT_SIZE) == 1)
		return true;
	OPENSSL_free(copy);
	return false;
}

X509_EXTENSION *spiffe_extension(X509 *issuer, X509 *cert, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	return X509V3_EXT_conf_nid(NULL, &context, nid, value);
}

bool spiffe_add_key_id(X509 *cert)
{
	const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(cert);
	uint8_t digest[EVP_MAX_MD_SIZE];
	ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
	bool good;

	// RFC 7093, section 2, method 1: no SHA-1.
	good = id && bits &&
	       EVP_Digest(ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits), digest,
			  NULL, EVP_sha256(), NULL) == 1 &&
	       ASN1_OCTET_STRING_set(id, digest, KEY_ID_SIZE) == 1 &&
	       X509_add1_ext_i2d(cert, NID_subject_key_identifier, id, 0, X509V3_ADD_DEFAULT) == 1;
	ASN1_OCTET_STRING_free(id);
	return good;
}

bool spiffe_push_name(GENERAL_NAMES *names, int type, const char *text)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *value = ASN1_IA5STRING_new();

	if (!name || !value || ASN1_STRING_set(value, text, -1) != 1) {
		ASN1_IA5STRING_free(value);
		GENERAL_NAME_free(name);
		return false;
	}
	GENERAL_NAME_set0_value(name, type, value);
	if (sk_GENERAL_NAME_push(names, name) > 0)
		return true;
	GENERAL_NAME_free(name);
	return false;
}
