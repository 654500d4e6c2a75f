/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trust domain's X.509 authority and the X509-SVIDs that it issues (X509-SVID.md). All times are
 * seconds since 1970, given by the caller; all durations are seconds.
 */
#ifndef SPIFFE_X509_CA_H
#define SPIFFE_X509_CA_H

#include <stdint.h>
#include <time.h>
#include <openssl/x509.h>
#include "csr.h"
#include "id.h"
#include "x509_make.h"

#define SPIFFE_CA_FIXED 4u

struct spiffe_ca {
	char domain[SPIFFE_DOMAIN_MAX + 1];
	EVP_PKEY *key;
	X509 *cert;
	time_t not_before, not_after;		/* of cert */
	X509_EXTENSION *fixed[SPIFFE_CA_FIXED]; /* the same in all that it issues */
};

struct spiffe_validity {
	time_t now;
	unsigned int slack;    /* it begins so long before now, for clocks that are late */
	unsigned int lifetime; /* from now on */
};

/*
 * A self-signed certificate for key, which is of P-256: the DER's size, for OPENSSL_free(der). It
 * may sign leaves, and no other authority. -EINVAL with a sentence in *why, or -EIO.
 */
int spiffe_ca_self(const char *domain, EVP_PKEY *key, const struct spiffe_validity *validity,
		   uint8_t **der, const char **why);

/*
 * An authority out of its key, of which a reference is kept, and its certificate, self-signed or
 * not; it must have the SPIFFE ID of its trust domain. 0, or -EINVAL with a sentence in *why.
 */
int spiffe_ca_open(struct spiffe_ca *ca, EVP_PKEY *key, const uint8_t *der, size_t size,
		   const char **why);
void spiffe_ca_close(struct spiffe_ca *ca);

/* What the issuer has decided; nothing of it comes from the request. */
struct spiffe_grant {
	const struct spiffe_id *id;
	const char *const *dns; /* names that are put in if the request has asked for them */
	size_t nr_dns;
	struct spiffe_validity validity; /* cut to the authority's own */
};

struct spiffe_svid {
	uint8_t *der; /* for OPENSSL_free() */
	size_t size;
	uint8_t serial[SPIFFE_SERIAL_SIZE];
	time_t not_before, not_after;
};

/* Costs one signature. 0; -EINVAL with a sentence in *why; -EIO if OpenSSL fails, with one too. */
int spiffe_ca_issue(const struct spiffe_ca *ca, const struct spiffe_csr *csr,
		    const struct spiffe_grant *grant, struct spiffe_svid *svid, const char **why);

#endif
