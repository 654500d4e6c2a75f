// SPDX-License-Identifier: Apache-2.0
// Leaf and signing certificates.
#include "x509_rules.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

X509 *spiffe_x509_read(const uint8_t **at, size_t left, const char **why)
{
	const unsigned char *end = *at;
	X509 *cert;

	ERR_set_mark();
	cert = d2i_X509(NULL, &end, (long)(left < SPIFFE_CERT_MAX ? left : SPIFFE_CERT_MAX));
	ERR_pop_to_mark();
	if (cert)
		*at = end;
	else
		*why = "there is no X.509 certificate in DER, or a very long one";
	return cert;
}

// The URI SANs: how many, and the first one's ID. Extensions are the same at each call.
static const char *uri_name(X509 *cert, struct spiffe_id *id, size_t *count)
{
	const char *why = NULL;
	int critical;
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, &critical, NULL);

	*count = 0;
	id->size = 0;
	// -1: there is none.
	if (!names && critical != -1)
		return "its subject alternative name is malformed, or there are two";
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_URI || (*count)++)
			continue;
		const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;

		if (spiffe_id_parse(id, (const char *)ASN1_STRING_get0_data(uri),
				    (size_t)ASN1_STRING_length(uri), &why))
			id->size = 0;
	}
	if (*count == 1 && critical != 1 && X509_NAME_entry_count(X509_get_subject_name(cert)) == 0)
		why = "it has no subject, and its subject alternative name is not critical";
	GENERAL_NAMES_free(names);
	return why;
}

static bool usage_is_critical(X509 *cert)
{
	int at = X509_get_ext_by_NID(cert, NID_key_usage, -1);

	return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(cert, at));
}

static const char *leaf_usage(X509 *cert, uint32_t flags)
{
	const uint32_t both = XKU_SSL_SERVER | XKU_SSL_CLIENT;

	if (!(flags & EXFLAG_KUSAGE) || !usage_is_critical(cert))
		return "it has no key usage that is marked critical";
	if (X509_get_key_usage(cert) & (KU_KEY_CERT_SIGN | KU_CRL_SIGN))
		return "it may sign certificates or revocation lists, which no leaf may";
	if (!(X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE))
		return "its key usage is not digitalSignature";
	if (flags & EXFLAG_XKUSAGE && (X509_get_extended_key_usage(cert) & both) != both)
		return "its extended key usage is not that of both a TLS server and a client";
	return NULL;
}

static const char *leaf_problem(X509 *cert, struct spiffe_id *id)
{
	uint32_t flags = X509_get_extension_flags(cert);
	size_t uris;
	const char *why;

	if (X509_get_version(cert) != X509_VERSION_3)
		return "it is not of X.509 version 3";
	if (flags & EXFLAG_INVALID)
		return "its extensions are malformed";
	if (flags & EXFLAG_CA)
		return "it is a CA's certificate, which names no workload";
	why = leaf_usage(cert, flags);
	if (why)
		return why;
	why = uri_name(cert, id, &uris);
	if (uris != 1)
		return why ? why : "it has no URI, or more than one, as subject alternative name";
	if (!why && spiffe_id_is_domain(id))
		return "its SPIFFE ID has no path: it names a trust domain, not a workload";
	return why;
}

int spiffe_x509_leaf(X509 *cert, struct spiffe_id *id, const char **why)
{
	ERR_set_mark();
	*why = leaf_problem(cert, id);
	ERR_pop_to_mark();
	return *why ? -EINVAL : 0;
}

// Appendix A calls digitalSignature a leaf's mark, section 4.3 does not forbid it here: many CAs,
// which sign their OCSP answers with the same key, have it.
static const char *signing_problem(X509 *cert, struct spiffe_id *id)
{
	uint32_t flags = X509_get_extension_flags(cert);
	size_t uris;
	const char *why;

	if (X509_get_version(cert) != X509_VERSION_3)
		return "a signing certificate is not of X.509 version 3";
	if (flags & EXFLAG_INVALID)
		return "a signing certificate's extensions are malformed";
	if (!(flags & EXFLAG_CA))
		return "a signing certificate is none: its cA flag is not set";
	if (!(flags & EXFLAG_KUSAGE) || !(X509_get_key_usage(cert) & KU_KEY_CERT_SIGN))
		return "a signing certificate has no key usage keyCertSign";
	why = uri_name(cert, id, &uris);
	if (why)
		return why;
	if (uris > 1)
		return "a signing certificate has more than one URI as subject alternative name";
	// With a SPIFFE ID it is an SVID, and bound by section 4.3.
	if (uris && !usage_is_critical(cert))
		return "a signing certificate's key usage is not marked critical";
	if (uris && !spiffe_id_is_domain(id))
		return "a signing certificate's SPIFFE ID has a path";
	return NULL;
}

int spiffe_x509_signing(X509 *cert, struct spiffe_id *id, const char **why)
{
	ERR_set_mark();
	*why = signing_problem(cert, id);
	ERR_pop_to_mark();
	return *why ? -EINVAL : 0;
}
