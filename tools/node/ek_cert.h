/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this the certificate of a TPM's endorsement key, from a maker that the administrator trusts?
 * (TCG EK Credential Profile 2.5, section 3; chains by OpenSSL.)
 */
#ifndef CLOISTER_NODE_EK_CERT_H
#define CLOISTER_NODE_EK_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <openssl/x509.h>
#include <cloister/verify.h>
#include "public.h"

struct ek_roots {
	X509_STORE *roots;	  /* self-signed ones */
	STACK_OF(X509) * between; /* intermediates: a step of a chain, never its end */
	size_t count;		  /* roots */
};

/* Add all certificates (PEM) of a file, or of the files of a directory. 0 or -EINVAL with words. */
int ek_roots_add(struct ek_roots *roots, const char *path, char error[CL_ERROR_SIZE]);
void ek_roots_free(struct ek_roots *roots);

struct ek_checked {
	bool test; /* the chain ends in a root for tests */
	uint8_t hash[SPKI_HASH_SIZE];
	time_t not_after;
};

/*
 * A certificate (DER, nothing behind it) of this key, valid now, whose chain ends in one of the
 * roots, or of those for tests. 0 or -EINVAL with the reason in error[].
 */
int ek_cert_check(const uint8_t *der, size_t size, const struct public_key *ek,
		  const struct ek_roots *real, const struct ek_roots *test, time_t now,
		  struct ek_checked *out, char error[CL_ERROR_SIZE]);

#endif
