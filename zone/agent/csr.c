// SPDX-License-Identifier: Apache-2.0
#include "csr.h"
#include <errno.h>
#include <openssl/x509v3.h>

static GENERAL_NAME *dns_name(const struct wire_span *name)
{
	GENERAL_NAME *general = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();

	if (!general || !text || ASN1_STRING_set(text, name->data, (int)name->size) != 1) {
		GENERAL_NAME_free(general);
		ASN1_IA5STRING_free(text);
		return NULL;
	}
	GENERAL_NAME_set0_value(general, GEN_DNS, text);
	return general;
}

static bool add_names(X509_REQ *request, const struct wire_span *names, size_t nr_names)
{
	GENERAL_NAMES *list = GENERAL_NAMES_new();
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	bool good = list;

	for (size_t i = 0; good && i < nr_names; i++) {
		GENERAL_NAME *name = dns_name(&names[i]);
		good = name && sk_GENERAL_NAME_push(list, name) > 0;
		if (name && !good)
			GENERAL_NAME_free(name);
	}
	good = good && X509V3_add1_i2d(&extensions, NID_subject_alt_name, list, 0, 0) == 1 &&
	       X509_REQ_add_extensions(request, extensions) == 1;
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	GENERAL_NAMES_free(list);
	return good;
}

int csr_make(EVP_PKEY *key, const struct wire_span *names, size_t nr_names, uint8_t **der)
{
	X509_REQ *request = X509_REQ_new();
	int size = -1;

	*der = NULL;
	if (request && X509_REQ_set_pubkey(request, key) == 1 &&
	    (!nr_names || add_names(request, names, nr_names)) &&
	    X509_REQ_sign(request, key, EVP_sha256()) > 0)
		size = i2d_X509_REQ(request, der);
	X509_REQ_free(request);
	return size > 0 ? size : -EIO;
}
