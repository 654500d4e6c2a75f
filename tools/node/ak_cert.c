// SPDX-License-Identifier: Apache-2.0
// Is this the certificate of this AK?
#include "ak_cert.h"
#include <errno.h>
#include <openssl/x509v3.h>
#include <cloister/evidence.h>
#include "public.h"

bool cert_has_eku(X509 *cert, const char *oid)
{
	EXTENDED_KEY_USAGE *uses = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
	ASN1_OBJECT *wanted = OBJ_txt2obj(oid, 1);
	bool found = false;

	for (int i = 0; wanted && i < sk_ASN1_OBJECT_num(uses); i++)
		found |= OBJ_cmp(sk_ASN1_OBJECT_value(uses, i), wanted) == 0;
	ASN1_OBJECT_free(wanted);
	EXTENDED_KEY_USAGE_free(uses);
	return found;
}

static const char *problem(X509 *cert, EVP_PKEY *key, X509 *ca)
{
	EVP_PKEY *signer = ca ? X509_get0_pubkey(ca) : NULL;

	if (!X509_get0_pubkey(cert) || EVP_PKEY_eq(X509_get0_pubkey(cert), key) != 1)
		return "it certifies another key than this TPM's AK";
	if (!cert_has_eku(cert, CL_OID_AK_EKU))
		return "it is not for attestation keys (extended key usage " CL_OID_AK_EKU ")";
	if (ca && (!signer || X509_verify(cert, signer) != 1))
		return "it is not signed by the CA that this node was told to take one from";
	return NULL;
}

int ak_cert_check(const uint8_t *der, size_t size, const uint8_t *area, size_t area_size, X509 *ca,
		  const char **why)
{
	const unsigned char *at = der;
	struct public_key ak;

	if (size == 0 || size > CL_AK_CERT_MAX) {
		*why = "it is of no acceptable size";
		return -EINVAL;
	}
	if (public_parse(&ak, PUBLIC_AK, area, area_size, why))
		return -EINVAL;
	X509 *cert = d2i_X509(NULL, &at, (long)size);
	EVP_PKEY *key = public_pkey(&ak);
	*why = NULL;
	if (!cert || at != der + size)
		*why = "it is no X.509 certificate in DER";
	else if (!key)
		*why = "the AK is no point of P-256";
	else
		*why = problem(cert, key, ca);
	EVP_PKEY_free(key);
	X509_free(cert);
	return *why ? -EINVAL : 0;
}

// Did the CA that has signed the new one, which was checked, sign the kept one too?
static bool same_ca(X509 *kept, X509 *ca)
{
	EVP_PKEY *signer = X509_get0_pubkey(ca);

	return signer && X509_verify(kept, signer) == 1;
}

static bool earlier(X509 *cert, X509 *kept)
{
	int days, seconds;

	return !ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(kept),
			       X509_get0_notBefore(cert)) ||
	       days < 0 || seconds < 0;
}

int ak_cert_newer(const uint8_t *der, size_t size, const uint8_t *old, size_t old_size, X509 *ca,
		  time_t now, const char **why)
{
	X509 *cert = d2i_X509(NULL, &der, (long)size);
	X509 *kept = old_size ? d2i_X509(NULL, &old, (long)old_size) : NULL;

	*why = NULL;
	if (!cert || X509_cmp_time(X509_get0_notAfter(cert), &now) <= 0)
		*why = "its time is over";
	else if (X509_cmp_time(X509_get0_notBefore(cert), &now) != -1)
		*why = "its time has not come (is this node's clock right?)";
	else if (ca && kept && X509_get0_pubkey(kept) &&
		 EVP_PKEY_eq(X509_get0_pubkey(cert), X509_get0_pubkey(kept)) == 1 &&
		 same_ca(kept, ca) && earlier(cert, kept))
		*why = "it is older than the one that is kept";
	X509_free(cert);
	X509_free(kept);
	return *why ? -EINVAL : 0;
}
