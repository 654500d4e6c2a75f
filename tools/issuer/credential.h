/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By what the bundle endpoint shows who it is: a certificate in files, for clients with the profile
 * https_web; or an X509-SVID that the issuer makes itself, for those with https_spiffe
 * (SPIFFE_Federation.md, section 5.2).
 */
#ifndef CLOISTER_ISSUER_CREDENTIAL_H
#define CLOISTER_ISSUER_CREDENTIAL_H

#include <openssl/ssl.h>
#include "../../issuer/keyring.h"

struct credential;

struct credential_source {
	const char *certificate, *key; /* files, PEM; the certificate with those above it, or */
	const char *spiffe_id;	       /* this one's SVID; then the others are NULL */
	struct keyring *keyring;
	unsigned int ttl; /* of the SVID, in seconds; it is renewed at half of it */
};

/* 0 or a negative errno with the sentence; -> credential_close(). */
int credential_open(const struct credential_source *source, time_t now,
		    struct credential **credential, char error[CL_ERROR_SIZE]);
void credential_close(struct credential *credential); /* NULL: nothing */

/* Read the files again; nothing for an SVID. On an error the old ones stay. */
int credential_reload(struct credential *credential, char error[CL_ERROR_SIZE]);
/*
 * For the next connection, to be freed with SSL_CTX_free(); renews what is due. `error` is empty or
 * says why that was not possible: then the old one is given, for what it is worth. Any number of
 * threads may ask.
 */
SSL_CTX *credential_context(struct credential *credential, time_t now, char error[CL_ERROR_SIZE]);

#endif
