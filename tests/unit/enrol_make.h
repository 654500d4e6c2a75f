/* SPDX-License-Identifier: Apache-2.0 */
/* A TPM maker's certificates and a TPM's keys, for tests of an enrolment. */
#ifndef UNIT_ENROL_MAKE_H
#define UNIT_ENROL_MAKE_H

#include <stdbool.h>
#include <time.h>
#include <openssl/x509.h>
#include "../../tools/node/public.h"

struct made {
	EVP_PKEY *key;
	X509 *cert; /* NULL: a key alone */
};

/* What a certificate says; NULL for an extension that it has not. */
struct made_rules {
	const char *constraints;
	const char *usage;
	const char *eku;
	time_t from, to;
	long version; /* X509_VERSION_3 */
};

EVP_PKEY *make_key(bool rsa);
/* issuer NULL: self-signed. */
X509 *make_cert(EVP_PKEY *key, const char *name, const struct made *issuer,
		const struct made_rules *rules);
/* A root or intermediate. */
struct made make_authority(const char *name, const struct made *issuer, time_t now);
/* A key's public area, of this kind. Its size. */
size_t make_area(enum public_kind kind, EVP_PKEY *key, uint8_t area[PUBLIC_MAX]);
/* DER of a certificate: its size. */
size_t make_der(X509 *cert, uint8_t *der, size_t max);
void made_free(struct made *made);

#endif
