/* SPDX-License-Identifier: Apache-2.0 */
/* What X509-SVID.md wants of one certificate by itself (sections 2 to 5.2), whoever signed it. */
#ifndef SPIFFE_X509_RULES_H
#define SPIFFE_X509_RULES_H

#include <openssl/x509.h>
#include "id.h"

#define SPIFFE_CERT_MAX 16384u /* bytes of DER */

/*
 * The certificate at *at, which goes on to behind it; it and what follows may have left bytes. NULL
 * with a sentence in *why.
 */
X509 *spiffe_x509_read(const uint8_t **at, size_t left, const char **why);

/* A leaf, which names a workload: 0 with its ID, or -EINVAL with a sentence in *why. */
int spiffe_x509_leaf(X509 *cert, struct spiffe_id *id, const char **why);

/*
 * A signing certificate. It need not be an SVID (section 3.2): id->size is 0 if it has no SPIFFE
 * ID. 0, or -EINVAL with a sentence in *why.
 */
int spiffe_x509_signing(X509 *cert, struct spiffe_id *id, const char **why);

#endif
