/* SPDX-License-Identifier: Apache-2.0 */
/* The node's look at a certificate that is said to be its AK's. The verifier looks for itself. */
#ifndef CLOISTER_NODE_AK_CERT_H
#define CLOISTER_NODE_AK_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <openssl/x509.h>

/*
 * One X.509 certificate (DER, nothing behind it) for the key in this public area, with the AK's
 * extended key usage and, where a CA is given, its signature. 0, or -EINVAL with `why` (static).
 */
int ak_cert_check(const uint8_t *der, size_t size, const uint8_t *area, size_t area_size, X509 *ca,
		  const char **why);

/*
 * May this certificate, checked as above, take the place of the one that is kept (old_size 0:
 * none)? Not when it is not in time, nor when it is the earlier of two of this CA for one key:
 * whoever has an old one could send it. What another CA signed stands in nobody's way, and so does
 * nothing if ca is NULL: what is kept may then be anybody's. 0, or -EINVAL with `why`.
 */
int ak_cert_newer(const uint8_t *der, size_t size, const uint8_t *old, size_t old_size, X509 *ca,
		  time_t now, const char **why);

/* Does the certificate have this extended key usage? False as well where it has none. */
bool cert_has_eku(X509 *cert, const char *oid);

#endif
