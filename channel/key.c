// SPDX-License-Identifier: Apache-2.0
#include "key.h"
#include <errno.h>
#include <string.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

int channel_spki(EVP_PKEY *key, uint8_t spki[CL_REPORT_SPKI_SIZE])
{
	char group[32];
	size_t length = 0;
	unsigned char *der = NULL;

	if (EVP_PKEY_get_group_name(key, group, sizeof(group), &length) != 1 ||
	    strcmp(group, SN_X9_62_prime256v1) != 0)
		return -EINVAL;
	int size = i2d_PUBKEY(key, &der);
	if (size <= 0)
		return -EINVAL;
	int good = EVP_Digest(der, (size_t)size, spki, NULL, EVP_sha256(), NULL);
	OPENSSL_free(der);
	return good == 1 ? 0 : -EIO;
}

// What it says but for the key is read by nobody; TLS libraries want it complete.
static int certify(struct channel_key *k)
{
	X509_NAME *name;

	k->certificate = X509_new();
	if (!k->certificate)
		return -ENOMEM;
	name = X509_get_subject_name(k->certificate);
	if (X509_set_version(k->certificate, X509_VERSION_3) != 1 ||
	    ASN1_INTEGER_set(X509_get_serialNumber(k->certificate), 1) != 1 ||
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				       (const unsigned char *)"cloister channel", -1, -1, 0) != 1 ||
	    X509_set_issuer_name(k->certificate, name) != 1 ||
	    !ASN1_TIME_set_string_X509(X509_getm_notBefore(k->certificate), "19700101000000Z") ||
	    !ASN1_TIME_set_string_X509(X509_getm_notAfter(k->certificate), "99991231235959Z") ||
	    X509_set_pubkey(k->certificate, k->key) != 1 ||
	    X509_sign(k->certificate, k->key, EVP_sha256()) <= 0)
		return -EIO;
	return channel_spki(k->key, k->spki);
}

static int finish(struct channel_key *k, int failure)
{
	int rc = k->key ? certify(k) : failure;

	if (rc) {
		channel_key_free(k);
		ERR_clear_error();
	}
	return rc;
}

int channel_key_make(struct channel_key *k)
{
	memset(k, 0, sizeof(*k));
	k->key = EVP_EC_gen("P-256");
	return finish(k, -EIO);
}

int channel_key_read(struct channel_key *k, const char *pem, size_t size)
{
	memset(k, 0, sizeof(*k));
	BIO *in = size <= INT_MAX ? BIO_new_mem_buf(pem, (int)size) : NULL;
	if (!in)
		return -ENOMEM;
	// An encrypted key is refused: nobody is there to be asked for its pass phrase.
	char none[] = "";
	k->key = PEM_read_bio_PrivateKey(in, NULL, NULL, none);
	BIO_free(in);
	return finish(k, -EINVAL);
}

void channel_key_free(struct channel_key *k)
{
	EVP_PKEY_free(k->key);
	X509_free(k->certificate);
	memset(k, 0, sizeof(*k));
}
