// SPDX-License-Identifier: Apache-2.0
// What the enrolment CA signs: itself, AK certificates, revocation lists (RFC 5280).
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <cloister/evidence.h>
#include "../../verify/hex.h"
#include "../../verify/socket.h"
#include "ca.h"

static bool extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	bool good = extension && X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return good;
}

static bool name_entry(X509_NAME *name, const char *type, const char *value)
{
	return X509_NAME_add_entry_by_txt(name, type, MBSTRING_ASC, (const unsigned char *)value,
					  -1, -1, 0) == 1;
}

// Positive, of 16 bytes, and not to be foreseen.
static bool fresh_serial(uint8_t serial[SERIAL_SIZE])
{
	if (RAND_bytes(serial, SERIAL_SIZE) != 1)
		return false;
	serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40);
	return true;
}

static bool set_serial(ASN1_INTEGER *to, const uint8_t serial[SERIAL_SIZE])
{
	BIGNUM *n = BN_bin2bn(serial, SERIAL_SIZE, NULL);
	bool good = to && n && BN_to_ASN1_INTEGER(n, to);

	BN_free(n);
	return good;
}

static bool set_times(X509 *cert, time_t from, time_t to)
{
	return ASN1_TIME_set(X509_getm_notBefore(cert), from) &&
	       ASN1_TIME_set(X509_getm_notAfter(cert), to);
}

X509 *ca_self(EVP_PKEY *key, time_t now)
{
	X509 *cert = X509_new();
	uint8_t serial[SERIAL_SIZE];
	char name[64] = "Cloister enrolment CA ";
	size_t used = strlen(name);

	if (!cert || !fresh_serial(serial)) {
		X509_free(cert);
		return NULL;
	}
	// Two CAs are two names, so that a chain is never tried with the wrong one.
	clv_hex(name + used, serial, 8);
	if (X509_set_version(cert, X509_VERSION_3) == 1 &&
	    set_serial(X509_get_serialNumber(cert), serial) &&
	    set_times(cert, now - CA_SKEW, now + (time_t)CA_YEARS * 365 * 86400) &&
	    name_entry(X509_get_subject_name(cert), "CN", name) &&
	    X509_set_issuer_name(cert, X509_get_subject_name(cert)) == 1 &&
	    X509_set_pubkey(cert, key) == 1 &&
	    extend(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	    extend(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	    extend(cert, cert, NID_subject_key_identifier, "hash") &&
	    extend(cert, cert, NID_authority_key_identifier, "keyid:always") &&
	    X509_sign(cert, key, EVP_sha256()) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

// The certificate policy that marks a software TPM.
static bool mark_test(X509 *cert)
{
	CERTIFICATEPOLICIES *policies = CERTIFICATEPOLICIES_new();
	POLICYINFO *policy = POLICYINFO_new();
	bool good = policies && policy && (policy->policyid = OBJ_txt2obj(CL_OID_TEST_TPM, 1)) &&
		    sk_POLICYINFO_push(policies, policy) > 0;

	if (!good)
		POLICYINFO_free(policy);
	good = good && X509_add1_ext_i2d(cert, NID_certificate_policies, policies, 0, 0) == 1;
	CERTIFICATEPOLICIES_free(policies);
	return good;
}

static bool fill(X509 *cert, const struct ca *ca, const struct ak_subject *subject)
{
	X509_NAME *name = X509_get_subject_name(cert);

	return X509_set_version(cert, X509_VERSION_3) == 1 &&
	       name_entry(name, "CN", subject->name) &&
	       name_entry(name, "serialNumber", subject->ek) &&
	       X509_set_issuer_name(cert, X509_get_subject_name(ca->cert)) == 1 &&
	       X509_set_pubkey(cert, subject->ak) == 1 &&
	       extend(cert, ca->cert, NID_basic_constraints, "critical,CA:FALSE") &&
	       extend(cert, ca->cert, NID_key_usage, "critical,digitalSignature") &&
	       extend(cert, ca->cert, NID_ext_key_usage, CL_OID_AK_EKU) &&
	       extend(cert, ca->cert, NID_subject_key_identifier, "hash") &&
	       extend(cert, ca->cert, NID_authority_key_identifier, "keyid:always") &&
	       (!subject->test || mark_test(cert));
}

static time_t end_of(X509 *cert)
{
	struct tm end;

	return ASN1_TIME_to_tm(X509_get0_notAfter(cert), &end) ? timegm(&end) : 0;
}

int ca_issue(const struct ca *ca, const struct ak_subject *subject, time_t now, X509 **out,
	     struct node_cert *record, char error[CL_ERROR_SIZE])
{
	time_t ca_end = end_of(ca->cert);
	time_t to = subject->not_after < ca_end ? subject->not_after : ca_end;
	uint8_t serial[SERIAL_SIZE];

	if (to <= now)
		return clv_error(error, -EINVAL,
				 "the certificate would end before it begins: the CA's own time is "
				 "over");
	X509 *cert = X509_new();
	if (!cert || !fresh_serial(serial) || !set_serial(X509_get_serialNumber(cert), serial) ||
	    !set_times(cert, now - CA_SKEW, to) || !fill(cert, ca, subject) ||
	    X509_sign(cert, ca->key, EVP_sha256()) <= 0) {
		X509_free(cert);
		return clv_error(error, -EIO, "OpenSSL cannot make the certificate");
	}
	clv_hex(record->serial, serial, SERIAL_SIZE);
	record->not_before = now - CA_SKEW;
	record->not_after = to;
	*out = cert;
	return 0;
}

static bool revoke(X509_CRL *crl, const struct node_cert *cert, time_t when)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *time = ASN1_TIME_set(NULL, when);
	BIGNUM *n = NULL;
	ASN1_INTEGER *serial = NULL;
	bool good = entry && time && BN_hex2bn(&n, cert->serial) &&
		    (serial = BN_to_ASN1_INTEGER(n, NULL)) &&
		    X509_REVOKED_set_serialNumber(entry, serial) == 1 &&
		    X509_REVOKED_set_revocationDate(entry, time) == 1 &&
		    X509_CRL_add0_revoked(crl, entry) == 1;

	if (!good)
		X509_REVOKED_free(entry);
	ASN1_INTEGER_free(serial);
	BN_free(n);
	ASN1_TIME_free(time);
	return good;
}

// All certificates of all revoked nodes whose time is not over.
static bool revoke_all(X509_CRL *crl, const struct nodes *nodes, time_t now)
{
	for (size_t i = 0; i < nodes->count; i++) {
		const struct node_record *node = &nodes->list[i];

		for (size_t j = 0; node->revoked && j < node->nr_certs; j++)
			if (node->certs[j].not_after >= now &&
			    !revoke(crl, &node->certs[j], node->revoked))
				return false;
	}
	return true;
}

static bool crl_extensions(X509_CRL *crl, const struct ca *ca)
{
	X509V3_CTX context;
	ASN1_INTEGER *number = ASN1_INTEGER_new();

	X509V3_set_ctx(&context, ca->cert, NULL, NULL, crl, 0);
	X509_EXTENSION *issuer =
		X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
	bool good = number && issuer && ASN1_INTEGER_set_uint64(number, ca->nodes.crl_number) &&
		    X509_CRL_add_ext(crl, issuer, -1) == 1 &&
		    X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1;
	X509_EXTENSION_free(issuer);
	ASN1_INTEGER_free(number);
	return good;
}

static char *crl_pem(X509_CRL *crl)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text = NULL;
	long size = bio && PEM_write_bio_X509_CRL(bio, crl) == 1 ? BIO_get_mem_data(bio, &data) : 0;

	if (size > 0)
		text = strndup(data, (size_t)size);
	BIO_free(bio);
	return text;
}

char *ca_crl(const struct ca *ca, time_t now)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = ASN1_TIME_set(NULL, now - CA_SKEW);
	ASN1_TIME *to = ASN1_TIME_set(NULL, now + (time_t)CRL_DAYS * 86400);
	char *text = NULL;

	if (crl && from && to && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
	    X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->cert)) == 1 &&
	    X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, to) == 1 &&
	    revoke_all(crl, &ca->nodes, now) && X509_CRL_sort(crl) == 1 &&
	    crl_extensions(crl, ca) && X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0)
		text = crl_pem(crl);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	X509_CRL_free(crl);
	return text;
}
