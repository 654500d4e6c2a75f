// SPDX-License-Identifier: Apache-2.0
// The checks of an EK certificate. It comes from a node that nobody trusts yet.
#include "ek_cert.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "../../verify/socket.h"
#include "../cloister/cleanup.h"
#include "ak_cert.h"

#define OID_EK_EKU "2.23.133.8.1" // tcg-kp-EKCertificate
#define CHAIN_MAX  8
#define AUTH_LEVEL 1 // 80 bits: no RSA under 1024, no SHA-1 (X509_VERIFY_PARAM_set_auth_level(3))

static int add_cert(struct ek_roots *roots, X509 *cert)
{
	if (X509_self_signed(cert, 1) != 1)
		return X509_add_cert(roots->between, cert,
				     X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP) == 1
			       ? 0
			       : -ENOMEM;
	roots->count++;
	return X509_STORE_add_cert(roots->roots, cert) == 1 ? 0 : -ENOMEM;
}

// The number of certificates in a PEM file, added; or -EINVAL.
static int add_file(struct ek_roots *roots, const char *path, char error[CL_ERROR_SIZE])
{
	FILE *f = fopen(path, "re");
	X509 *cert;
	int count = 0, rc = 0;

	if (!f)
		return clv_error(error, -EINVAL, "%s: %s", path, strerror(errno));
	while (!rc && (cert = PEM_read_X509(f, NULL, NULL, NULL))) {
		rc = add_cert(roots, cert);
		X509_free(cert);
		count++;
	}
	// The end of the file is an error to OpenSSL, but a known one; half a certificate is not.
	unsigned long last = ERR_peek_last_error();
	if (!rc && ERR_GET_REASON(last) != PEM_R_NO_START_LINE)
		rc = -EINVAL;
	ERR_clear_error();
	fclose(f);
	if (rc)
		return clv_error(error, -EINVAL, "%s: a certificate in it is damaged", path);
	return count;
}

static int add_directory(struct ek_roots *roots, const char *path, char error[CL_ERROR_SIZE])
{
	cleanup_dir DIR *dir = opendir(path);
	struct dirent *entry;
	struct stat st;
	char file[4096];
	int all = 0;

	if (!dir)
		return clv_error(error, -EINVAL, "%s: %s", path, strerror(errno));
	while ((entry = readdir(dir))) {
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		if (entry->d_name[0] == '.' || stat(file, &st) || !S_ISREG(st.st_mode))
			continue;
		int n = add_file(roots, file, error);
		if (n < 0)
			return n;
		all += n;
	}
	return all;
}

int ek_roots_add(struct ek_roots *roots, const char *path, char error[CL_ERROR_SIZE])
{
	struct stat st;

	if (!roots->roots)
		roots->roots = X509_STORE_new();
	if (!roots->between)
		roots->between = sk_X509_new_null();
	if (!roots->roots || !roots->between)
		return clv_error(error, -ENOMEM, "no memory");
	int n = !stat(path, &st) && S_ISDIR(st.st_mode) ? add_directory(roots, path, error)
							: add_file(roots, path, error);
	if (n == 0)
		return clv_error(error, -EINVAL, "%s: no certificate in PEM there", path);
	return n < 0 ? n : 0;
}

void ek_roots_free(struct ek_roots *roots)
{
	X509_STORE_free(roots->roots);
	sk_X509_pop_free(roots->between, X509_free);
	*roots = (struct ek_roots){NULL, NULL, 0};
}

// X509_V_OK, or why there is no chain to one of these roots.
static int chain(X509 *cert, const struct ek_roots *roots, time_t now)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	int why = X509_V_ERR_UNSPECIFIED;

	if (!roots || !roots->count) {
		X509_STORE_CTX_free(context);
		return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
	}
	if (context && X509_STORE_CTX_init(context, roots->roots, cert, roots->between) == 1) {
		X509_STORE_CTX_set_time(context, 0, now);
		X509_STORE_CTX_set_depth(context, CHAIN_MAX);
		X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context), AUTH_LEVEL);
		why = X509_verify_cert(context) == 1 ? X509_V_OK
						     : X509_STORE_CTX_get_error(context);
	}
	X509_STORE_CTX_free(context);
	return why;
}

// What the certificate itself must say (sections 3.1.3 and 3.2).
static const char *own_rules(X509 *cert, const struct public_key *ek)
{
	uint32_t flags = X509_get_extension_flags(cert);
	uint32_t wanted = ek->kind == PUBLIC_EK_RSA ? KU_KEY_ENCIPHERMENT : KU_KEY_AGREEMENT;

	if (X509_get_version(cert) != X509_VERSION_3)
		return "it is not of X.509 version 3";
	if (flags & EXFLAG_INVALID)
		return "its extensions are malformed";
	if (flags & EXFLAG_CA)
		return "it is a CA's, not an endorsement key's";
	if (!(flags & EXFLAG_KUSAGE) || !(X509_get_key_usage(cert) & wanted))
		return ek->kind == PUBLIC_EK_RSA ? "its key usage is not key encipherment"
						 : "its key usage is not key agreement";
	if (X509_get_key_usage(cert) & (KU_KEY_CERT_SIGN | KU_CRL_SIGN))
		return "its key may sign certificates, which no endorsement key may";
	if (flags & EXFLAG_XKUSAGE && !cert_has_eku(cert, OID_EK_EKU))
		return "its extended key usage is not that of an endorsement key (" OID_EK_EKU ")";
	return NULL;
}

static const char *same_key(X509 *cert, const struct public_key *ek)
{
	EVP_PKEY *certified = X509_get0_pubkey(cert), *key = public_pkey(ek);
	const char *why = NULL;

	if (!key)
		why = "the public area holds no key";
	else if (!certified || EVP_PKEY_eq(certified, key) != 1)
		why = "it certifies another key than the TPM's";
	EVP_PKEY_free(key);
	return why;
}

static int chain_error(int real, int test, bool has_test, char error[CL_ERROR_SIZE])
{
	int why = has_test && real == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ? test : real;
	const char *advice = "";

	if (why == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
	    why == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE)
		advice = "; give the TPM maker's root and intermediate certificates by --ek-roots";
	return clv_error(error, -EINVAL, "EK certificate: %s%s", X509_verify_cert_error_string(why),
			 advice);
}

int ek_cert_check(const uint8_t *der, size_t size, const struct public_key *ek,
		  const struct ek_roots *real, const struct ek_roots *test, time_t now,
		  struct ek_checked *out, char error[CL_ERROR_SIZE])
{
	const unsigned char *at = der;
	X509 *cert = d2i_X509(NULL, &at, (long)size);
	const char *why = NULL;
	struct tm end;
	int rc = 0;

	ERR_clear_error();
	*out = (struct ek_checked){0};
	if (!cert || at != der + size)
		why = "it is no X.509 certificate in DER";
	if (!why)
		why = own_rules(cert, ek);
	if (!why)
		why = same_key(cert, ek);
	if (why) {
		rc = clv_error(error, -EINVAL, "EK certificate: %s", why);
	} else {
		int by_real = chain(cert, real, now);
		int by_test = by_real == X509_V_OK ? X509_V_OK : chain(cert, test, now);

		out->test = by_real != X509_V_OK;
		if (by_real != X509_V_OK && by_test != X509_V_OK)
			rc = chain_error(by_real, by_test, test && test->count, error);
		else if (!ASN1_TIME_to_tm(X509_get0_notAfter(cert), &end) ||
			 spki_hash(X509_get0_pubkey(cert), out->hash))
			rc = clv_error(error, -EINVAL, "EK certificate: it cannot be read");
		else
			out->not_after = timegm(&end);
	}
	X509_free(cert);
	ERR_clear_error();
	return rc;
}
