// SPDX-License-Identifier: Apache-2.0
// Does a CA of the policy vouch for this AK, now? Path validation: RFC 5280, section 6, by OpenSSL.
#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "ak.h"
#include "auto.h"
#include "checks.h"

/* SHA-256 and P-256 and better; SHA-1 and RSA below 2048 bits are less (112 bits of security). */
#define AUTH_LEVEL 2

CLV_AUTO(free_store_ctx, X509_STORE_CTX, X509_STORE_CTX_free)

/* Exactly one certificate or CRL; what follows it would be overlooked. */
static bool at_end(BIO *in)
{
	char c;

	while (BIO_read(in, &c, 1) == 1)
		if (c != '\n' && c != '\r' && c != ' ')
			return false;
	return true;
}

static int add_ca(struct clv_trust *trust, const char *pem)
{
	AUTO(clv_free_bio) BIO *in = BIO_new_mem_buf(pem, -1);
	AUTO(clv_free_x509) X509 *ca = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;

	if (!ca || !at_end(in) || X509_check_ca(ca) == 0)
		return -EINVAL;
	return X509_STORE_add_cert(trust->store, ca) == 1 ? 0 : -ENOMEM;
}

/* Did one of the policy's CAs that may (RFC 5280, section 4.2.1.3, cRLSign) sign this CRL? */
static bool signed_by_ca(const struct clv_trust *trust, X509_CRL *crl)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(trust->store);

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509 *ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
		EVP_PKEY *key = ca ? X509_get0_pubkey(ca) : NULL;

		if (key && (X509_get_key_usage(ca) & KU_CRL_SIGN) &&
		    X509_NAME_cmp(X509_get_subject_name(ca), X509_CRL_get_issuer(crl)) == 0 &&
		    X509_CRL_verify(crl, key) == 1)
			return true;
	}
	return false;
}

static int add_crl(struct clv_trust *trust, const char *pem)
{
	AUTO(clv_free_bio) BIO *in = BIO_new_mem_buf(pem, -1);
	AUTO(clv_free_crl) X509_CRL *crl = in ? PEM_read_bio_X509_CRL(in, NULL, NULL, NULL) : NULL;

	/*
	 * What limits a CRL to some certificates or reasons, or makes it a delta, is critical (RFC
	 * 5280, sections 5.2.4 and 5.2.5): only whole ones are understood here.
	 */
	if (!crl || !at_end(in) || X509_CRL_get_ext_by_critical(crl, 1, -1) >= 0 ||
	    !signed_by_ca(trust, crl))
		return -EINVAL;
	if (!sk_X509_CRL_push(trust->crls, crl))
		return -ENOMEM;
	crl = NULL; /* the stack owns it now */
	return 0;
}

static void set_error(char error[CL_ERROR_SIZE], const char *what, size_t number, int rc)
{
	if (rc == -ENOMEM)
		snprintf(error, CL_ERROR_SIZE, "out of memory");
	else
		snprintf(error, CL_ERROR_SIZE, "%s number %zu of the policy %s", what, number,
			 *what == 'C' && what[1] == 'A'
				 ? "is not one CA certificate in PEM"
				 : "is not one whole CRL in PEM that a CA of the policy signed");
}

int clv_trust_make(struct clv_trust *trust, const struct cl_policy *p, char error[CL_ERROR_SIZE])
{
	int rc = 0;

	trust->store = X509_STORE_new();
	trust->crls = sk_X509_CRL_new_null();
	if (!trust->store || !trust->crls)
		rc = -ENOMEM;
	if (rc)
		set_error(error, "CA", 0, rc);
	for (size_t i = 0; !rc && i < p->nr_cas; i++)
		if ((rc = add_ca(trust, p->cas[i])))
			set_error(error, "CA", i + 1, rc);
	for (size_t i = 0; !rc && i < p->nr_crls; i++)
		if ((rc = add_crl(trust, p->crls[i])))
			set_error(error, "CRL", i + 1, rc);
	return rc;
}

static void free_crl(X509_CRL *crl)
{
	X509_CRL_free(crl);
}

void clv_trust_free(struct clv_trust *trust)
{
	X509_STORE_free(trust->store);
	sk_X509_CRL_pop_free(trust->crls, free_crl);
	memset(trust, 0, sizeof(*trust));
}

static int why(const X509_STORE_CTX *ctx, char reason[CL_REASON_SIZE])
{
	int code = X509_STORE_CTX_get_error(ctx);

	switch (code) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return clv_refuse(reason,
				  "no CA of the policy issued it: this TPM is not enrolled");
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return clv_refuse(reason, "the CA that it names did not sign it");
	default:
		return clv_refuse(reason, "%s", X509_verify_cert_error_string(code));
	}
}

static void set_param(X509_STORE_CTX *ctx, time_t now)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

	/*
	 * Whatever the policy names is an anchor, self-signed or not. CRLs are check_crls()'s:
	 * their signatures were verified when the policy was read, and need not be each time.
	 */
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
	X509_VERIFY_PARAM_set_time(param, now);
	X509_VERIFY_PARAM_set_depth(param, 0); /* the CA signs AK certificates itself */
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
}

/*
 * Who signed it? Of a path that holds, its anchor; of one that does not, a CA that signed it all
 * the same, so that the reason can be told: time and revocation.
 */
static X509 *find_ca(X509_STORE_CTX *ctx, X509 *cert, bool good)
{
	X509 *ca = NULL;

	if (good) {
		ca = sk_X509_value(X509_STORE_CTX_get0_chain(ctx), 1);
		if (ca)
			X509_up_ref(ca);
		return ca;
	}
	if (X509_STORE_CTX_get1_issuer(&ca, ctx, cert) != 1)
		return NULL;
	if (X509_verify(cert, X509_get0_pubkey(ca)) == 1)
		return ca;
	X509_free(ca);
	return NULL;
}

int clv_ak_trusted(struct clv_ak *ak, const struct clv_trust *trust, time_t now,
		   char reason[CL_REASON_SIZE])
{
	AUTO(free_store_ctx) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool good;

	if (sk_X509_OBJECT_num(X509_STORE_get0_objects(trust->store)) == 0) {
		clv_refuse(reason,
			   "the policy names no CA, so it knows no node: add one (nodes.ca)");
		return 0;
	}
	if (!ctx || X509_STORE_CTX_init(ctx, trust->store, ak->cert, NULL) != 1)
		return -ENOMEM;
	set_param(ctx, now);
	good = X509_verify_cert(ctx) == 1;
	if (X509_STORE_CTX_get_error(ctx) == X509_V_ERR_OUT_OF_MEM)
		return -ENOMEM;
	ak->ca = find_ca(ctx, ak->cert, good);
	if (ak->ca && clv_ak_current(ak, trust, now, reason))
		return 0;
	if (good && ak->ca)
		return 1;
	why(ctx, reason);
	return 0;
}

/* "2026-11-22", for people. */
static const char *date(const ASN1_TIME *time, char out[16])
{
	struct tm tm;

	if (!time || ASN1_TIME_to_tm(time, &tm) != 1)
		return "an unknown date";
	strftime(out, 16, "%Y-%m-%d", &tm);
	return out;
}

/* Neither side of the validity may be unreadable: X509_cmp_time says 0 then. */
static bool begun(const ASN1_TIME *from, time_t now)
{
	return X509_cmp_time(from, &now) < 0;
}

static bool ended(const ASN1_TIME *until, time_t now)
{
	return X509_cmp_time(until, &now) <= 0;
}

static int check_time(const X509 *cert, const char *whose, time_t now, char reason[CL_REASON_SIZE])
{
	char day[16];

	if (!begun(X509_get0_notBefore(cert), now))
		return clv_refuse(reason, "%s is not valid before %s", whose,
				  date(X509_get0_notBefore(cert), day));
	if (ended(X509_get0_notAfter(cert), now))
		return clv_refuse(reason, "%s was valid until %s: renew it", whose,
				  date(X509_get0_notAfter(cert), day));
	return 0;
}

static int check_crls(const struct clv_ak *ak, const struct clv_trust *trust, time_t now,
		      char reason[CL_REASON_SIZE])
{
	bool current = false, any = false;
	char day[16] = "";

	for (int i = 0; i < sk_X509_CRL_num(trust->crls); i++) {
		X509_CRL *crl = sk_X509_CRL_value(trust->crls, i);
		const ASN1_TIME *until = X509_CRL_get0_nextUpdate(crl);
		X509_REVOKED *entry;

		if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(ak->ca)) != 0)
			continue;
		/* An old list revokes as well as a new one: nothing is ever taken back. */
		if (X509_CRL_get0_by_cert(crl, &entry, ak->cert) != 0)
			return clv_refuse(reason, "the CA revoked it on %s",
					  date(X509_REVOKED_get0_revocationDate(entry), day));
		any = true;
		current |= begun(X509_CRL_get0_lastUpdate(crl), now) && until && !ended(until, now);
		if (!current)
			date(until, day);
	}
	if (sk_X509_CRL_num(trust->crls) == 0 || current)
		return 0;
	if (!any)
		return clv_refuse(reason, "the policy has CRLs, but none of the CA that issued it");
	return clv_refuse(reason, "the CRL of its CA was good until %s: get a new one", day);
}

int clv_ak_current(const struct clv_ak *ak, const struct clv_trust *trust, time_t now,
		   char reason[CL_REASON_SIZE])
{
	if (check_time(ak->cert, "it", now, reason) ||
	    check_time(ak->ca, "the certificate of its CA", now, reason))
		return -1;
	return check_crls(ak, trust, now, reason);
}
