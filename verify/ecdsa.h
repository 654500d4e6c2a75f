/* SPDX-License-Identifier: Apache-2.0 */
/* ECDSA over P-256, by OpenSSL. */
#ifndef VERIFY_ECDSA_H
#define VERIFY_ECDSA_H

#include <openssl/evp.h>

#include <cloister/verify.h>
#include "parse.h"

/* 1 with a key, to be freed; 0 if x ‖ y is no point on P-256; -ENOMEM or -EIO. */
int clv_ec_key(const uint8_t xy[CL_CORE_KEY_SIZE], EVP_PKEY **key);

/* 1 if raw (r ‖ s) is key's signature over digest, 0 if not; -ENOMEM or -EIO. */
int clv_ecdsa(EVP_PKEY *key, const uint8_t digest[CL_HASH_SIZE], const uint8_t raw[CLV_SIG_SIZE]);

#endif
