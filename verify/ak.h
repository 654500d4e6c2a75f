/* SPDX-License-Identifier: Apache-2.0 */
/* The AK's certificate: which node is this, and has the policy's CA enrolled it? */
#ifndef VERIFY_AK_H
#define VERIFY_AK_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cloister/verify.h>

/* The policy's CAs and CRLs, read. */
struct clv_trust {
	X509_STORE *store;
	STACK_OF(X509_CRL) * crls; /* each signed by one of the CAs */
};

/* 0, or -EINVAL or -ENOMEM with the reason. Free it in any case. */
int clv_trust_make(struct clv_trust *trust, const struct cl_policy *p, char error[CL_ERROR_SIZE]);
void clv_trust_free(struct clv_trust *trust);

/* A certificate of the right form, whose signature may be the CA's or not. */
struct clv_ak {
	X509 *cert;
	X509 *ca; /* that signed it; NULL until that is known */
	EVP_PKEY *key;
	char name[CL_NODE_NAME_MAX + 1];
	uint8_t ek[CL_HASH_SIZE];
	time_t until;
	bool test_tpm;
};

void clv_ak_free(struct clv_ak *ak);

/* 0, or -1 with the reason if this is no AK certificate of the form that docs/evidence.md asks. */
int clv_ak_parse(struct clv_ak *ak, const uint8_t *der, size_t size, char reason[CL_REASON_SIZE]);

/*
 * Did a CA of the policy sign it? 1 with ak->ca, 0 with the reason, -ENOMEM. Fails as well at what
 * clv_ak_current looks at.
 */
int clv_ak_trusted(struct clv_ak *ak, const struct clv_trust *trust, time_t now,
		   char reason[CL_REASON_SIZE]);

/* Given ak->ca: in time, and not revoked by a CRL that is in time. 0, or -1 with the reason. */
int clv_ak_current(const struct clv_ak *ak, const struct clv_trust *trust, time_t now,
		   char reason[CL_REASON_SIZE]);

#endif
