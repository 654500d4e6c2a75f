// SPDX-License-Identifier: Apache-2.0
// The form of an AK certificate: RFC 5280; TCG EK Credential Profile 2.5 for its key usage.
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/x509v3.h>

#include "ak.h"
#include "auto.h"
#include "checks.h"

#define HEX_EK_SIZE ((size_t)2 * CL_HASH_SIZE)

CLV_AUTO(free_eku, EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free)
CLV_AUTO(free_policies, CERTIFICATEPOLICIES, CERTIFICATEPOLICIES_free)
CLV_AUTO(free_object, ASN1_OBJECT, ASN1_OBJECT_free)

/* The only entry of this kind in the subject, as printable ASCII. */
static int subject_text(const X509 *cert, int nid, const char *what, char *out, size_t capacity,
			char reason[CL_REASON_SIZE])
{
	X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, nid, -1);
	const ASN1_STRING *value;
	const unsigned char *text;
	size_t size;

	if (at < 0 || X509_NAME_get_index_by_NID(subject, nid, at) >= 0)
		return clv_refuse(reason, "its subject does not have one %s", what);
	value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	if (ASN1_STRING_type(value) != V_ASN1_UTF8STRING &&
	    ASN1_STRING_type(value) != V_ASN1_PRINTABLESTRING)
		return clv_refuse(reason, "its %s is no text", what);
	text = ASN1_STRING_get0_data(value);
	size = (size_t)ASN1_STRING_length(value);
	if (size == 0 || size >= capacity)
		return clv_refuse(reason, "its %s has %zu characters, not 1 to %zu", what, size,
				  capacity - 1);
	/* It will be shown on terminals, and names are for comparing. */
	for (size_t i = 0; i < size; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return clv_refuse(reason, "its %s has unprintable characters", what);
	memcpy(out, text, size);
	out[size] = '\0';
	return 0;
}

static int parse_ek(struct clv_ak *ak, char reason[CL_REASON_SIZE])
{
	char hex[HEX_EK_SIZE + 1] = "";

	if (subject_text(ak->cert, NID_serialNumber, "serialNumber", hex, sizeof(hex), reason))
		return -1;
	if (strspn(hex, "0123456789abcdef") != HEX_EK_SIZE)
		return clv_refuse(reason, "its serialNumber is not SHA-256 of an endorsement key");
	for (size_t i = 0; i < CL_HASH_SIZE; i++) {
		unsigned int byte = 0;

		for (size_t j = 2 * i; j < 2 * i + 2; j++)
			byte = byte << 4 |
			       (unsigned int)(hex[j] <= '9' ? hex[j] - '0' : hex[j] - 'a' + 10);
		ak->ek[i] = (uint8_t)byte;
	}
	return 0;
}

static int parse_key(struct clv_ak *ak, char reason[CL_REASON_SIZE])
{
	char group[32] = "";

	ak->key = X509_get_pubkey(ak->cert);
	if (!ak->key || EVP_PKEY_get_base_id(ak->key) != EVP_PKEY_EC ||
	    EVP_PKEY_get_utf8_string_param(ak->key, OSSL_PKEY_PARAM_GROUP_NAME, group,
					   sizeof(group), NULL) != 1 ||
	    strcmp(group, SN_X9_62_prime256v1) != 0)
		return clv_refuse(reason, "its key is not on P-256");
	return 0;
}

/* keyUsage is critical (RFC 5280, section 4.2.1.3) and allows signatures, not certificates. */
static int parse_usage(const struct clv_ak *ak, char reason[CL_REASON_SIZE])
{
	int at = X509_get_ext_by_NID(ak->cert, NID_key_usage, -1);
	AUTO(free_object) ASN1_OBJECT *wanted = OBJ_txt2obj(CL_OID_AK_EKU, 1);
	AUTO(free_eku)
	EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(ak->cert, NID_ext_key_usage, NULL, NULL);

	if (at < 0 || X509_EXTENSION_get_critical(X509_get_ext(ak->cert, at)) != 1 ||
	    X509_get_key_usage(ak->cert) != KU_DIGITAL_SIGNATURE)
		return clv_refuse(reason, "its key usage is not digitalSignature alone, critical");
	if (!eku || !wanted || sk_ASN1_OBJECT_num(eku) != 1 ||
	    OBJ_cmp(sk_ASN1_OBJECT_value(eku, 0), wanted) != 0)
		return clv_refuse(reason, "its extended key usage is not %s (an AK)",
				  CL_OID_AK_EKU);
	if (X509_get_extension_flags(ak->cert) & EXFLAG_CA)
		return clv_refuse(reason, "it is a CA's certificate");
	return 0;
}

static int parse_policies(struct clv_ak *ak, char reason[CL_REASON_SIZE])
{
	int critical;
	AUTO(free_object) ASN1_OBJECT *test = OBJ_txt2obj(CL_OID_TEST_TPM, 1);
	AUTO(free_policies)
	CERTIFICATEPOLICIES *policies =
		X509_get_ext_d2i(ak->cert, NID_certificate_policies, &critical, NULL);

	/* -1: there are none. Whatever else cannot be read might have said that it is a test's. */
	if (!test || (!policies && critical != -1))
		return clv_refuse(reason, "its certificate policies are malformed");
	for (int i = 0; i < sk_POLICYINFO_num(policies); i++)
		if (OBJ_cmp(sk_POLICYINFO_value(policies, i)->policyid, test) == 0)
			ak->test_tpm = true;
	return 0;
}

static int parse_until(struct clv_ak *ak, char reason[CL_REASON_SIZE])
{
	struct tm tm;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(ak->cert), &tm) != 1)
		return clv_refuse(reason, "its validity is malformed");
	ak->until = timegm(&tm);
	return 0;
}

int clv_ak_parse(struct clv_ak *ak, const uint8_t *der, size_t size, char reason[CL_REASON_SIZE])
{
	const unsigned char *at = der;

	memset(ak, 0, sizeof(*ak));
	ak->cert = d2i_X509(NULL, &at, (long)size);
	if (!ak->cert)
		return clv_refuse(reason, "it is no X.509 certificate");
	if (at != der + size)
		return clv_refuse(reason, "bytes follow its end");
	if (X509_get_version(ak->cert) != X509_VERSION_3)
		return clv_refuse(reason, "it is not of version 3");
	if (parse_key(ak, reason) || parse_usage(ak, reason) || parse_policies(ak, reason) ||
	    parse_until(ak, reason) ||
	    subject_text(ak->cert, NID_commonName, "common name", ak->name, sizeof(ak->name),
			 reason))
		return -1;
	return parse_ek(ak, reason);
}

void clv_ak_free(struct clv_ak *ak)
{
	X509_free(ak->cert);
	X509_free(ak->ca);
	EVP_PKEY_free(ak->key);
	memset(ak, 0, sizeof(*ak));
}
