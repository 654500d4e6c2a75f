/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TPM2_MakeCredential in software (TPM 2.0 Library part 1, 24 and B.10.4, C.6.4): only the TPM that
 * holds both the endorsement key and an object of that name gives the secret back.
 */
#ifndef CLOISTER_NODE_CREDENTIAL_H
#define CLOISTER_NODE_CREDENTIAL_H

#include "public.h"

#define SECRET_SIZE	32u
#define CREDENTIAL_SIZE (2u + 32 + 2 + SECRET_SIZE) /* TPMS_ID_OBJECT */
#define SEED_MAX	256u			    /* TPM2B_ENCRYPTED_SECRET's contents */

struct credential {
	uint8_t blob[CREDENTIAL_SIZE]; /* TPM2B_ID_OBJECT's contents */
	uint8_t seed[SEED_MAX];
	size_t seed_size;
};

/* KDFa with SHA-256 (part 1, 11.4.10.2); `bits` is a multiple of 8, at most 256. 0 or -EIO. */
int kdfa(const uint8_t *key, size_t key_size, const char *label, const uint8_t *context,
	 size_t context_size, uint32_t bits, uint8_t *out);
/* KDFe with SHA-256 to 256 bits (part 1, 11.4.10.3); z, u and v are of 32 bytes. 0 or -EIO. */
int kdfe(const uint8_t *z, const char *label, const uint8_t *u, const uint8_t *v, uint8_t out[32]);

/* 0 or -EIO: OpenSSL failed, or the endorsement key is none. */
int make_credential(const struct public_key *ek, const uint8_t name[TPM_NAME_SIZE],
		    const uint8_t secret[SECRET_SIZE], struct credential *out);

#endif
