/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What registrar and node say to each other, in deterministic CBOR:
 *
 *   GET /enrol?ek=ecc (or rsa) → { "ak-public": bstr, "ek-public": bstr, "ek-certificate": bstr }
 *   POST /activate    { "seed": bstr, "credential": bstr } → bstr .size 32, the secret
 *   POST /ak          the AK's certificate, DER
 *
 * Public areas are TPMT_PUBLICs as marshalled; seed and credential are the contents of a
 * TPM2B_ENCRYPTED_SECRET and a TPM2B_ID_OBJECT. Neither side trusts the other.
 *
 * Encoders return the size or -ENOSPC; decoders 0 or -EINVAL with `why` (static).
 */
#ifndef CLOISTER_NODE_WIRE_H
#define CLOISTER_NODE_WIRE_H

#include "credential.h"

#define WIRE_ENROL_MAX	  8192u
#define WIRE_ACTIVATE_MAX 512u
#define WIRE_SECRET_SIZE  (2u + SECRET_SIZE)

#define WIRE_TYPE_CBOR	  "application/cbor"
#define WIRE_TYPE_CERT	  "application/pkix-cert"
#define WIRE_TYPE_TEXT	  "text/plain"

struct wire_bytes {
	const uint8_t *data; /* into the message */
	size_t size;
};

struct wire_enrol {
	struct wire_bytes ak_public;
	struct wire_bytes ek_public;
	struct wire_bytes ek_certificate;
};

int wire_put_enrol(const struct wire_enrol *message, uint8_t *out, size_t max);
int wire_take_enrol(struct wire_enrol *message, const uint8_t *data, size_t size, const char **why);

int wire_put_activate(const struct credential *credential, uint8_t *out, size_t max);
int wire_take_activate(struct credential *credential, const uint8_t *data, size_t size,
		       const char **why);

int wire_put_secret(const uint8_t secret[SECRET_SIZE], uint8_t out[WIRE_SECRET_SIZE]);
int wire_take_secret(uint8_t secret[SECRET_SIZE], const uint8_t *data, size_t size,
		     const char **why);

#endif
