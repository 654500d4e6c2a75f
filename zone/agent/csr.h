/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ZONE_AGENT_CSR_H
#define ZONE_AGENT_CSR_H

#include <openssl/evp.h>
#include "../../issuer/wire.h"

/*
 * A certificate request (PKCS#10, RFC 2986) of this key for DNS names; whose it is is the issuer's
 * to say. The DER's size, for OPENSSL_free(der), or -EIO.
 */
int csr_make(EVP_PKEY *key, const struct wire_span *names, size_t nr_names, uint8_t **der);

#endif
