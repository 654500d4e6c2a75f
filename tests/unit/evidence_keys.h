/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_EVIDENCE_KEYS_H
#define TESTS_UNIT_EVIDENCE_KEYS_H

#include <openssl/evp.h>

#include "evidence_forge.h"

/* The AK, made once for each argument. */
EVP_PKEY *forge_ak(enum forge_who who, const char *type);

#endif
